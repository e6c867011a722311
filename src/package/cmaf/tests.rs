use super::{
    boxes::{check_golden, dump},
    *,
};
use crate::{
    encode::VideoParams,
    picture::Size,
    time::{FrameRate, WallTime},
};
use mp4_atom::Moov;
use proptest::prelude::*;

/// A High profile SPS and PPS of libx264 for 640x480 at 30 fps.
pub(crate) fn video() -> VideoParams {
    VideoParams {
        size: Size::new(640, 480).unwrap(),
        rate: FrameRate::whole(30),
        sps: Bytes::from_static(&[0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x3d, 0xa1, 0x00, 0x00, 0x03, 0x00, 0x01]),
        pps: Bytes::from_static(&[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0]),
        bitrate_max: 2_000_000,
        passed: false,
    }
}

fn frame(at: i64, duration: i64, key: bool, data: &'static [u8]) -> EncodedFrame {
    EncodedFrame { at: Ticks(at), duration: Span(duration), key, data: Bytes::from_static(data) }
}

fn params() -> TrackParams {
    video().into()
}

#[test]
fn the_init_segment_is_as_drawn() {
    check_golden("init.boxes", &dump(&init_segment(&params()).unwrap()));
}

#[test]
fn a_part_with_a_key_frame_is_as_drawn() {
    let frames = [frame(900_000, 3000, true, b"key!!"), frame(903_000, 3000, false, b"one"), frame(906_000, 3000, false, b"four")];
    let part = fragment(7, Position::First(WallTime(1_795_191_552_500_000)), &frames).unwrap();
    check_golden("part-key.boxes", &dump(&part.data));
    assert_eq!(part.key_len, Some(part.data.len() as u32 - 7));
    assert!(part.data[..part.key_len.unwrap() as usize].ends_with(b"key!!"));
    assert!(part.data.ends_with(b"key!!onefour"));
}

#[test]
fn a_part_without_a_key_frame_is_as_drawn() {
    // Beyond 32 bits of media time: 13 hours 15 minutes.
    let frames = [frame(1 << 32, 3000, false, b"one"), frame((1 << 32) + 3000, 3000, false, b"two")];
    let part = fragment(u32::MAX, Position::Later, &frames).unwrap();
    let first = fragment(1, Position::First(WallTime(0)), &frames).unwrap();
    assert!(dump(&first.data).contains("\nprft 32 version=1 flags=000018 track=1 ntp=83aa7e8000000000 time=4294967296\n"));
    check_golden("part-delta.boxes", &dump(&part.data));
    assert_eq!(part.key_len, None);
}

#[test]
fn a_part_of_uneven_frames_with_a_late_key_is_as_drawn() {
    let frames = [frame(0, 12_857, true, b"key"), frame(12_857, 12_857, false, b"one"), frame(25_714, 12_858, true, b"key2")];
    check_golden("part-uneven.boxes", &dump(&fragment(1, Position::Later, &frames).unwrap().data));
}

#[test]
fn a_finished_file_is_as_drawn() {
    let mut table = SampleTable::default();
    let sample = |size, key| Sample { size, duration: 3000, key };
    table.push(&[sample(5, true), sample(3, false)]);
    table.push(&[sample(4, false), sample(6, false)]);
    table.push(&[Sample { size: 2, duration: 3001, key: true }]);
    let mut file = table.file_head(&params(), Some(WallTime(1_795_191_552_123_456)), Span::ZERO).unwrap().to_vec();
    file.extend_from_slice(b"key!!onefoursixsixK2");
    check_golden("finished.boxes", &dump(&file));
    assert_eq!((table.frames(), table.duration(), table.payload()), (5, Span(15_001), 20));
}

#[test]
fn a_finished_file_beyond_4_gib_has_wide_offsets() {
    let mut table = SampleTable::default();
    (0..3).for_each(|_| table.push(&[Sample { size: 2 << 30, duration: 3000, key: true }]));
    let head = table.file_head(&params(), None, Span::ZERO).unwrap();
    let (moov, mdat) = head.split_at(head.len() - 16);
    let start = head.len() as u64;
    let co64 = format!("co64 40 version=0 flags=000000 entries={:?}\n", [start, start + (2 << 30), start + (4 << 30)]);
    assert!(dump(moov).contains(&co64), "{}", dump(moov));
    assert_eq!(mdat, [&[0, 0, 0, 1], b"mdat".as_slice(), &((6_u64 << 30) + 16).to_be_bytes()].concat());
}

#[test]
fn a_baseline_stream_has_no_chroma_fields_in_its_avcc() {
    let baseline = VideoParams { sps: Bytes::from_static(&[0x67, 66, 0xc0, 30, 1]), ..video() };
    let text = dump(&init_segment(&baseline.into()).unwrap());
    assert!(text.contains("profile_constraints_level=42c01e length_size_minus_one=ff sps=6742c01e01 pps=68ebe3cb22c0\n"), "{text}");
}

#[test]
fn mp4_atom_reads_strictly_what_was_written() {
    let init = init_segment(&params()).unwrap();
    let mut rest = init.as_ref();
    Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    assert!(rest.is_empty());
    let mut again = init[..init.len() - moov_len(&init)].to_vec();
    movie::write_fragmented(&mut again, &params()).unwrap();
    assert_eq!((again.as_slice(), moov.trak.len()), (init.as_ref(), 1));
}

fn moov_len(init: &[u8]) -> usize {
    init.len() - u32::from_be_bytes(init[..4].try_into().unwrap()) as usize
}

#[test]
fn unusable_frames_and_parameters_are_refused_with_a_sentence() {
    let refuse = |frame| fragment(1, Position::Later, &[frame]).unwrap_err().to_string();
    assert_eq!(fragment(1, Position::Later, &[]).unwrap_err().to_string(), "a part cannot be made of no frames");
    assert_eq!(
        refuse(frame(-1, 3000, true, b"x")),
        "the frame at media time -1 cannot be packaged: it is before the stream's start"
    );
    assert_eq!(refuse(frame(5, 0, true, b"x")), "the frame at media time 5 cannot be packaged: its duration is 0 ticks");
    assert_eq!(refuse(frame(5, 1, true, b"")), "the frame at media time 5 cannot be packaged: it has 0 bytes");
    let init = |sps, pps| init_segment(&VideoParams { sps, pps, ..video() }.into()).unwrap_err().to_string();
    assert_eq!(init(Bytes::from_static(b"abc"), video().pps), "the encoder's SPS cannot be used: it has 3 bytes");
    assert_eq!(init(video().sps, Bytes::new()), "the encoder's parameter sets cannot be used: 15 and 0 bytes");
}

proptest! {
    #[test]
    fn a_part_reads_back_as_it_was_written(
        shapes in prop::collection::vec((1_usize..400, 1_i64..=100_000, any::<bool>()), 1..40),
        start in 0..i64::MAX / 2,
        sequence: u32,
    ) {
        let mut at = start;
        let frames: Vec<EncodedFrame> = shapes.iter().enumerate().map(|(n, &(len, duration, key))| {
            let frame = EncodedFrame {
                at: Ticks(at), duration: Span(duration), key, data: vec![n as u8; len].into(),
            };
            at += duration;
            frame
        }).collect();
        let part = fragment(sequence, Position::Later, &frames).unwrap();
        let reading = read_fragment(&part.data).unwrap();
        let first = fragment(sequence, Position::First(WallTime(start)), &frames).unwrap();
        prop_assert!(first.data.ends_with(&part.data) && read_fragment(&first.data).unwrap().samples == reading.samples);
        prop_assert_eq!(first.key_len, part.key_len.map(|len| len + (first.data.len() - part.data.len()) as u32));
        let expected: Vec<Sample> = shapes.iter()
            .map(|&(size, duration, key)| Sample { size: size as u32, duration: duration as u32, key }).collect();
        prop_assert_eq!(&reading.samples, &expected);
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.data.to_vec()).collect();
        prop_assert_eq!(&part.data[reading.payload_start..], bytes.as_slice());
        prop_assert_eq!(part.key_len, frames[0].key.then(|| (reading.payload_start + frames[0].data.len()) as u32));
        prop_assert_eq!(reading.head_at(Ticks(start)).unwrap(), &part.data[..reading.payload_start]);
        let moved: Vec<EncodedFrame> = frames.iter()
            .map(|frame| EncodedFrame { at: Ticks(frame.at.0 - start), ..frame.clone() }).collect();
        let retimed = [reading.head_at(Ticks(0)).unwrap(), bytes].concat();
        prop_assert_eq!(retimed, fragment(sequence, Position::Later, &moved).unwrap().data.to_vec());
    }

    #[test]
    fn reading_damaged_parts_never_panics(mut cut in 0_usize..200, flip in any::<(u8, u8)>()) {
        let mut data = fragment(1, Position::First(WallTime(0)), &[frame(0, 1, true, b"key"), frame(1, 1, false, b"one")]).unwrap().data.to_vec();
        let at = usize::from(flip.0) % data.len();
        data[at] ^= flip.1;
        cut = cut.min(data.len());
        let _ = read_fragment(&data[..cut]);
        let _ = read_fragment(&data);
    }
}
