use super::*;
use crate::detect::{
    CascadeSpec, Detector, Luma,
    haar::{CASCADE_DIRS, FACE_XML, HaarDetector, parse},
};
use opencv::{
    core::{Mat, Rect, Size, Vector},
    prelude::*,
};
use proptest::prelude::*;
use std::{fs, path::PathBuf};

/// A small cascade: two stages, one tree of one node and one of two or, of patterns, of one.
const HAAR: &str = r#"<?xml version="1.0"?>
<opencv_storage>
<cascade type_id="opencv-cascade-classifier"><stageType>BOOST</stageType>
  <featureType>HAAR</featureType>
  <height>12</height>
  <width>16</width>
  <stageParams><maxWeakCount>1</maxWeakCount></stageParams>
  <featureParams><maxCatCount>0</maxCatCount></featureParams>
  <stageNum>2</stageNum>
  <stages>
    <_><maxWeakCount>1</maxWeakCount><stageThreshold>-1.5e+00</stageThreshold>
      <weakClassifiers><_><internalNodes>0 -1 0 1.25e-01</internalNodes><leafValues>-7.5e-01 6.5e-01</leafValues></_></weakClassifiers></_>
    <_><maxWeakCount>1</maxWeakCount><stageThreshold>-1.25</stageThreshold>
      <weakClassifiers><_><internalNodes>1 0 1 -0.5 -1 -2 2 0.25</internalNodes><leafValues>0.5 -0.5 0.75</leafValues></_></weakClassifiers></_>
  </stages>
  <features>
    <_><rects><_>0 2 16 8 -1.</_><_>0 6 16 4 2.</_></rects><tilted>0</tilted></_>
    <_><rects><_>4 0 6 6 -1.</_><_>4 3 6 3 2.</_><_>5 5 1 1 3.</_></rects></_>
    <_><rects><_>8 1 4 4 -1.</_><_>8 1 2 4 2.</_></rects><tilted>1</tilted></_>
  </features></cascade>
</opencv_storage>
"#;

const LBP: &str = r#"<?xml version="1.0"?>
<opencv_storage>
<cascade type_id="opencv-cascade-classifier"><stageType>BOOST</stageType>
  <featureType>LBP</featureType>
  <height>12</height>
  <width>16</width>
  <stageParams><maxWeakCount>1</maxWeakCount></stageParams>
  <featureParams><maxCatCount>256</maxCatCount></featureParams>
  <stageNum>1</stageNum>
  <stages>
    <_><maxWeakCount>1</maxWeakCount><stageThreshold>-1.5</stageThreshold>
      <weakClassifiers><_><internalNodes>0 -1 1 -67130709 -21569 -1426120013 -1275125205 -21585 -16385 587145899 -24005</internalNodes>
        <leafValues>-0.65 0.88</leafValues></_></weakClassifiers></_>
  </stages>
  <features><_><rect>0 0 5 4</rect></_><_><rect>1 2 3 3</rect></_></features></cascade>
</opencv_storage>
"#;

/// What OpenCV gets to read.
fn ours(xml: &str) -> Result<String, String> {
    checked(&read(xml).ok_or("no cascade")?)
}

/// Searches a picture of noise with a text that was checked. The check has failed its purpose if this does not come back.
fn search(xml: &str) {
    let mut classifier = parse(xml.as_bytes()).expect("OpenCV reads what was checked");
    let (luma, width) = ((0..64 * 48).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>(), 64);
    let plane = Mat::new_rows_cols_with_bytes::<u8>((luma.len() / width) as i32, width as i32, &luma).expect("tight rows");
    let mut found: Vector<Rect> = Vector::new();
    classifier.detect_multi_scale(&plane, &mut found, 1.3, 0, 0, Size::default(), Size::default()).expect("it runs");
}

/// OpenCV's own files, where they are installed.
fn installed() -> Vec<PathBuf> {
    let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders =
        CASCADE_DIRS.iter().flat_map(|folder| [PathBuf::from(folder), PathBuf::from(folder).with_file_name("lbpcascades")]);
    folders.flat_map(files).filter(|path| path.extension().is_some_and(|extension| extension == "xml")).collect()
}

#[test]
fn good_cascades_are_written_anew_as_they_are() {
    for (name, xml) in [("haar", HAAR), ("lbp", LBP), ("face", std::str::from_utf8(FACE_XML).expect("XML"))] {
        let once = ours(xml).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(ours(&once).as_ref(), Ok(&once), "{name}");
        search(&once);
    }
    let renamed = HAAR.replace("<cascade ", "<my_cats ").replace("</cascade>", "</my_cats>");
    assert_eq!(ours(&renamed), ours(HAAR));
}

#[test]
fn opencvs_own_files_are_taken() {
    let files = installed();
    if files.is_empty() {
        crate::missing::left_out("opencv-data is not installed");
    }
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        if text.contains("opencv-haar-classifier") {
            assert!(read(&text).is_none(), "{} is of the format before OpenCV 2", path.display());
            continue;
        }
        let once = ours(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        search(&once);
    }
}

#[test]
fn what_would_end_opencv_is_refused() {
    let check = |base: &str, from: &str, to: &str| {
        assert!(base.contains(from), "{from} is in the file");
        assert!(ours(&base.replacen(from, to, 1)).is_err(), "{from} as {to}");
    };
    for (from, to) in [
        ("<featureType>HAAR", "<featureType>LBP"),
        ("<featureType>HAAR", "<featureType>HOG"),
        ("<stageType>BOOST", "<stageType>TREE"),
        ("<maxCatCount>0", "<maxCatCount>256"),
        ("<height>12", "<height>2"),
        ("<height>12", "<height>-12"),
        ("<width>16", "<width>100000"),
        ("<width>16", "<width>15"),
        // A feature, a node, a leaf that is not there; a way back.
        ("0 -1 0 1.25e-01", "0 -1 3 1.25e-01"),
        ("0 -1 0 1.25e-01", "0 -1 99999999 1.25e-01"),
        ("0 -1 0 1.25e-01", "0 -1 -1 1.25e-01"),
        ("0 -1 0 1.25e-01", "0 -1 0.5 1.25e-01"),
        ("0 -1 0 1.25e-01", "0 -2 0 1.25e-01"),
        ("0 -1 0 1.25e-01", "1 -1 0 1.25e-01"),
        ("0 -1 0 1.25e-01", "0 -1 0"),
        ("0 -1 0 1.25e-01", ""),
        ("0 -1 0 1.25e-01", "0 -1 0 1e300"),
        ("0 -1 0 1.25e-01", "0 -1 0 nan"),
        ("1 0 1 -0.5 -1 -2 2 0.25", "2 0 1 -0.5 -1 -2 2 0.25"),
        ("1 0 1 -0.5 -1 -2 2 0.25", "1 0 1 -0.5 1 -2 2 0.25"),
        ("-7.5e-01 6.5e-01", "-7.5e-01"),
        ("-7.5e-01 6.5e-01", "-7.5e-01 6.5e-01 1"),
        ("0 2 16 8 -1.", "0 2 17 8 -1."),
        ("0 2 16 8 -1.", "-1 2 16 8 -1."),
        ("0 2 16 8 -1.", "0 2 1e9 8 -1."),
        ("0 2 16 8 -1.", "0 2 16 8"),
        // Hanging out of the window to the left, to the right, below.
        ("8 1 4 4 -1.", "3 1 4 4 -1."),
        ("8 1 4 4 -1.", "13 1 4 4 -1."),
        ("8 1 4 4 -1.", "8 5 4 4 -1."),
        ("<tilted>1", "<tilted>2"),
        ("<_><rects><_>0 2 16 8 -1.</_><_>0 6 16 4 2.</_></rects><tilted>0</tilted></_>", "<_><rects></rects></_>"),
        ("<_><maxWeakCount>1</maxWeakCount>", "<_>x<maxWeakCount>1</maxWeakCount><weakClassifiers></weakClassifiers>"),
    ] {
        check(HAAR, from, to);
    }
    for (from, to) in [
        ("<featureType>LBP", "<featureType>HAAR"),
        ("<maxCatCount>256", "<maxCatCount>32"),
        ("<maxCatCount>256", "<maxCatCount>100000"),
        ("<maxCatCount>256</maxCatCount>", ""),
        ("587145899 -24005", "587145899"),
        ("587145899", "99999999999"),
        ("0 0 5 4", "0 0 6 4"),
        ("0 0 5 4", "2 0 5 4"),
    ] {
        check(LBP, from, to);
    }
    let deep = |inner: &str| format!("<?xml version=\"1.0\"?><opencv_storage>{inner}</opencv_storage>");
    let nested = |name: &str| format!("<{name}>").repeat(100_000) + &format!("</{name}>").repeat(100_000);
    for text in ["".to_owned(), "<".to_owned(), deep(""), deep(&nested("a")), deep(&nested("_")), deep(&nested("cascade"))] {
        assert!(ours(&text).is_err(), "{:.60}", text);
    }
    for (from, name) in [("<stages>", "_"), ("<stages>", "stages"), ("<rects>", "_"), ("<leafValues>", "a")] {
        // What nobody asks for is left out.
        let read = ours(&HAAR.replacen(from, &format!("{from}{}", nested(name)), 1));
        assert!(read.is_err() || read == ours(HAAR), "{from} {name}");
    }
}

#[test]
fn a_damaged_file_of_a_users_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cats.xml");
    fs::write(&path, HAAR.replace("0 -1 0 1.25e-01", "0 -1 99999999 1.25e-01")).expect("a file");
    let told = HaarDetector::new(&[CascadeSpec::File(path.clone())], 640).err().expect("it is refused").to_string();
    assert!(told.contains("cats.xml") && told.contains("stage 0 is damaged"), "{told}");
    for base in [HAAR, LBP] {
        fs::write(&path, base).expect("a file");
        let mut detector = HaarDetector::new(&[CascadeSpec::File(path.clone())], 640).expect("it is good");
        detector.detect(Luma::new(&[90; 64 * 48], 64, 48), &[]).expect("it searches");
    }
}

/// What stands in a damaged file instead of a number.
const ODD: [&str; 16] =
    ["0", "-1", "1", "2", "3", "-2", "15", "16", "-2147483648", "2147483647", "99999999", "1e38", "1e39", "nan", "0x10", ""];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn whatever_is_damaged_opencv_lives(
        is_lbp in any::<bool>(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4), 1..4),
    ) {
        let mut text = if is_lbp { LBP.to_owned() } else { HAAR.to_owned() };
        for (place, choice, how) in damages {
            let tokens: Vec<(usize, &str)> = text
                .split(|c: char| !(c.is_ascii_alphanumeric() || "-+.".contains(c)))
                .filter(|token| !token.is_empty())
                .map(|token| (token.as_ptr() as usize - text.as_ptr() as usize, token))
                .collect();
            let (at, token) = tokens[place.index(tokens.len())];
            let (at, end) = (at, at + token.len());
            text = match how {
                // Another number, another word, a hole, a stretch twice.
                0 | 1 if token.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    format!("{}{}{}", &text[..at], ODD[choice.index(ODD.len())], &text[end..])
                }
                0 | 1 => format!("{}{}{}", &text[..at], tokens[choice.index(tokens.len())].1, &text[end..]),
                2 => {
                    let to = at + choice.index(text.len() - at);
                    if text.is_char_boundary(to) { format!("{}{}", &text[..at], &text[to..]) } else { text.clone() }
                }
                _ => {
                    let to = at + choice.index((text.len() - at).min(200));
                    format!("{}{}{}", &text[..to], &text[at..to], &text[to..])
                }
            };
            if text.len() < 50 {
                break;
            }
        }
        if let Ok(xml) = ours(&text) {
            search(&xml);
        }
    }
}
