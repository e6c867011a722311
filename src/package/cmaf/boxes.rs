//! A reader of MP4 boxes for the tests, which shares no code with the writer: prints each box as one line of fields, and keeps the
//! goldens. Unknown boxes print their size and nothing else.

use std::{fmt::Write, fs, path::PathBuf};

const CONTAINERS: [&str; 9] = ["moov", "trak", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf"];

/// Every box of `bytes` as a line: path, size, fields. Panics on boxes that do not fill their parent exactly.
pub(crate) fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    dump_into(&mut text, "", &mut Reader(bytes));
    text
}

/// Compares with `tests/golden/NAME`; `UPDATE_GOLDEN=1` rewrites it instead.
pub(crate) fn check_golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected.replace("\r\n", "\n"), actual, "{name} differs; look at it, then UPDATE_GOLDEN=1 cargo test");
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Reader<'a> {
        let (head, tail) = self.0.split_at(len);
        self.0 = tail;
        Reader(head)
    }

    fn number(&mut self, len: usize) -> u64 {
        self.take(len).0.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn text(&mut self, len: usize) -> String {
        String::from_utf8_lossy(self.take(len).0).trim_end_matches('\0').to_owned()
    }

    fn hex(&mut self, len: usize) -> String {
        self.take(len).0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn numbers(&mut self, count: u64, len: usize) -> Vec<u64> {
        (0..count).map(|_| self.number(len)).collect()
    }
}

fn dump_into(text: &mut String, parent: &str, reader: &mut Reader<'_>) {
    while !reader.0.is_empty() {
        let (size32, kind) = (reader.number(4), reader.text(4));
        let header = if size32 == 1 { 16 } else { 8 };
        let size = if size32 == 1 { reader.number(8) } else { size32 };
        let mut body = reader.take(size as usize - header);
        let path = format!("{parent}{kind}");
        write!(text, "{path} {size}").unwrap();
        if CONTAINERS.contains(&kind.as_str()) {
            text.push('\n');
            dump_into(text, &format!("{path}/"), &mut body);
            continue;
        }
        let children = fields(text, &kind, &mut body);
        text.push('\n');
        if children {
            dump_into(text, &format!("{path}/"), &mut body);
        }
    }
}

/// Prints the fields of one box; says whether boxes follow inside.
fn fields(text: &mut String, kind: &str, body: &mut Reader<'_>) -> bool {
    let mut put = |name: &str, value: &dyn std::fmt::Display| write!(text, " {name}={value}").unwrap();
    match kind {
        "ftyp" | "styp" => {
            put("major", &body.text(4));
            put("minor", &body.number(4));
            while !body.0.is_empty() {
                put("brand", &body.text(4));
            }
            return false;
        }
        "avc1" => {
            body.take(6);
            put("data_reference", &body.number(2));
            body.take(16);
            put("width", &body.number(2));
            put("height", &body.number(2));
            put("dpi", &body.hex(8));
            body.take(4);
            put("frame_count", &body.number(2));
            body.take(32);
            put("depth", &body.number(2));
            put("pre_defined", &body.hex(2));
            return true;
        }
        "avcC" => return avcc(&mut put, body),
        "colr" => {
            put("type", &body.text(4));
            put("primaries_transfer_matrix", &format!("{:?}", body.numbers(3, 2)));
            put("full_range", &body.hex(1));
            return false;
        }
        "pasp" => {
            put("ratio", &format!("{:?}", body.numbers(2, 4)));
            return false;
        }
        "mdat" => {
            // Long frames are the business of other tests.
            let shown = body.0.len().min(24);
            put("bytes", &body.hex(shown));
            return false;
        }
        _ => {}
    }
    let version = body.number(1);
    let flags = body.number(3);
    put("version", &version);
    put("flags", &format!("{flags:06x}"));
    full_box(&mut put, kind, (version, flags), body)
}

type Put<'a> = &'a mut dyn FnMut(&str, &dyn std::fmt::Display);

fn avcc(put: Put<'_>, body: &mut Reader<'_>) -> bool {
    put("version", &body.number(1));
    put("profile_constraints_level", &body.hex(3));
    put("length_size_minus_one", &body.hex(1));
    for (name, mask) in [("sps", 0x1f), ("pps", 0xff)] {
        for _ in 0..body.number(1) & mask {
            let len = body.number(2);
            put(name, &body.hex(len as usize));
        }
    }
    if !body.0.is_empty() {
        put("chroma_depths_extensions", &body.hex(4));
    }
    assert!(body.0.is_empty(), "avcC ends here");
    false
}

fn full_box(put: Put<'_>, kind: &str, (version, flags): (u64, u64), body: &mut Reader<'_>) -> bool {
    let wide = if version == 1 { 8 } else { 4 };
    match kind {
        "mvhd" | "mdhd" | "tkhd" => {
            put("created_modified", &format!("{:?}", body.numbers(2, wide)));
            if kind == "tkhd" {
                put("track", &body.number(4));
                body.take(4);
            } else {
                put("timescale", &body.number(4));
            }
            put("duration", &body.number(wide));
            put("rest", &body.hex(body.0.len()));
        }
        "hdlr" => {
            body.take(4);
            put("handler", &body.text(4));
            body.take(12);
            put("name", &body.text(body.0.len()));
        }
        "dref" | "stsd" => {
            put("entries", &body.number(4));
            return true;
        }
        "stts" | "stsc" | "stco" | "co64" | "stss" | "stsz" => {
            if kind == "stsz" {
                put("size", &body.number(4));
            }
            let (count, width) = (body.number(4), if kind == "co64" { 8 } else { 4 });
            let each = body.0.len().checked_div(count as usize * width).unwrap_or_default();
            put("entries", &format!("{:?}", body.numbers(count * each as u64, width)));
        }
        "trex" => put("track_description_duration_size_flags", &format!("{:?}", body.numbers(5, 4))),
        "prft" => {
            put("track", &body.number(4));
            put("ntp", &body.hex(8));
            put("time", &body.number(wide));
        }
        "mfhd" => put("sequence", &body.number(4)),
        "tfdt" => put("time", &body.number(wide)),
        "tfhd" => {
            put("track", &body.number(4));
            for (bit, name) in [(0x2, "description"), (0x8, "duration"), (0x10, "size")] {
                if flags & bit != 0 {
                    put(name, &body.number(4));
                }
            }
            if flags & 0x20 != 0 {
                put("default_flags", &body.hex(4));
            }
        }
        "trun" => trun(put, flags, body),
        _ => {
            body.take(body.0.len());
        }
    }
    assert!(body.0.is_empty(), "{kind} has {} bytes that its fields do not explain", body.0.len());
    false
}

fn trun(put: Put<'_>, flags: u64, body: &mut Reader<'_>) {
    let count = body.number(4);
    if flags & 0x1 != 0 {
        put("data_offset", &body.number(4));
    }
    if flags & 0x4 != 0 {
        put("first_flags", &body.hex(4));
    }
    for _ in 0..count {
        let mut sample = Vec::new();
        for (bit, name) in [(0x100, "duration"), (0x200, "size")] {
            if flags & bit != 0 {
                sample.push(format!("{name}:{}", body.number(4)));
            }
        }
        if flags & 0x400 != 0 {
            sample.push(format!("flags:{}", body.hex(4)));
        }
        put("sample", &sample.join(","));
    }
}
