//! Media that lies in a file: read on threads that may wait for a disk, as there is room to send it.

use super::chunked::Chunks;
use crate::package::media_bytes::MediaBytes;
use bytes::Bytes;
use std::{collections::VecDeque, io};
use tokio::task::spawn_blocking;

/// Bytes that are read at a time: enough that a hard disk is not asked for every packet, and all that a slow client costs.
const READ_LEN: usize = 256 * 1024;

/// All bytes of something, in memory. Those in memory are there at once.
pub(in crate::server) async fn load(bytes: MediaBytes) -> io::Result<Bytes> {
    match bytes {
        MediaBytes::Memory(bytes) => Ok(bytes),
        stored @ (MediaBytes::File(_) | MediaBytes::Lost(_)) => spawn_blocking(move || stored.read()).await?,
    }
}

/// Pieces of which some lie in a file, to be sent in order.
pub(in crate::server) struct FileBody {
    pieces: VecDeque<MediaBytes>,
}

impl FileBody {
    pub(in crate::server) fn new(pieces: Vec<MediaBytes>) -> FileBody {
        FileBody { pieces: pieces.into() }
    }

    fn take(&mut self) -> Option<MediaBytes> {
        let piece = self.pieces.pop_front()?;
        if piece.memory().is_some() || piece.len() <= READ_LEN {
            return Some(piece);
        }
        self.pieces.push_front(piece.slice(READ_LEN..piece.len()));
        Some(piece.slice(0..READ_LEN))
    }
}

/// A file that cannot be read breaks the answer off, so that no cache takes it for the whole.
impl Chunks for FileBody {
    type Error = io::Error;

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        Some(load(self.take()?).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::media_bytes::FileRange;
    use std::io::Write;

    #[tokio::test]
    async fn what_lies_in_a_file_comes_in_order_and_in_bounded_steps() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let whole: Vec<u8> = (0..=255).cycle().take(2 * READ_LEN + 1000).collect();
        file.write_all(&whole).expect("there is room");
        let in_file = MediaBytes::File(FileRange::new(file.path().into(), 0, whole.len()));
        let mut stored = FileBody::new(vec![b"before".to_vec().into(), in_file, b"after".to_vec().into()]);
        let (mut lens, mut all) = (Vec::new(), Vec::new());
        while let Some(step) = stored.next().await {
            let bytes = step.expect("it is there");
            lens.push(bytes.len());
            all.extend_from_slice(&bytes);
        }
        assert_eq!(lens, [6, READ_LEN, READ_LEN, 1000, 5]);
        assert!(all == [b"before", &whole[..], b"after"].concat());
    }
}
