//! A Unix socket in the file system. The owner and the group may connect; a socket that nobody listens at any more is taken over.

use super::listener::BindError;
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// Who may connect: a reverse proxy joins the group.
const MODE: u32 = 0o660;

/// The file of a socket, which goes with its server.
#[derive(Debug)]
pub(in crate::server) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have put its own there meanwhile.
        if id_of(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("cannot remove the socket {}: {error}", self.path.display());
        }
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Listens at `path`, where up to `backlog` connections may wait.
pub(in crate::server) fn listen(path: &Path, backlog: i32) -> Result<(UnixListener, SocketFile), BindError> {
    let refused = |error| BindError::UnixRefused { path: path.to_owned(), error };
    make_room(path)?;
    let open = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile { path: path.to_owned(), id: id_of(path)? };
        // Until here the file's mode lets nobody else in, for to connect one must be able to write.
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        socket.listen(backlog)?;
        Ok((socket.into(), file))
    };
    open().map_err(refused)
}

/// Removes what a server left behind that was killed.
fn make_room(path: &Path) -> Result<(), BindError> {
    let refused = |error| BindError::UnixRefused { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(error)),
        Ok(file) if !file.file_type().is_socket() => Err(BindError::NoSocket { path: path.to_owned() }),
        // Not to wait where the queue of one that stands still is full.
        Ok(_) => match connect_at_once(path) {
            Ok(_) => Err(BindError::UnixInUse { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
            // Its queue is full, so somebody listens.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(BindError::UnixInUse { path: path.to_owned() }),
            Err(error) => Err(refused(error)),
        },
    }
}

fn connect_at_once(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_is_for_owner_and_group_and_goes_with_its_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hlscam.sock");
        let (listener, file) = listen(&path, 8).expect("it listens");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, MODE);
        assert!(matches!(listen(&path, 8), Err(BindError::UnixInUse { .. })));
        assert!(UnixStream::connect(&path).is_ok());
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_server_left_is_taken_over_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hlscam.sock");
        let (listener, file) = listen(&path, 8).expect("it listens");
        std::mem::forget(file);
        drop(listener);
        assert!(path.exists());
        let (_, file) = listen(&path, 8).expect("nobody listens there");
        // A successor's file is left alone.
        let other = folder.path().join("other");
        fs::write(&other, "").expect("a file");
        fs::rename(&other, &path).expect("it takes its place");
        drop(file);
        assert!(path.exists());
        assert!(matches!(listen(&path, 8), Err(BindError::NoSocket { .. })));
        let nowhere = listen(&folder.path().join("no/hlscam.sock"), 8).expect_err("there is no such folder");
        assert!(nowhere.to_string().contains("no/hlscam.sock"), "{nowhere}");
        assert!(listen(Path::new(&"a".repeat(200)), 8).is_err(), "no socket has so long a name");
    }
}
