use super::*;

#[test]
fn measure() {
    let cpu = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap() as f64 / 1e6
    };
    let Ok(runs) = std::env::var("MEASURE") else { return };
    for run in runs.split(' ') {
        let p: Vec<&str> = run.split(',').collect();
        let cascade = super::super::cascade_named(p[0]).unwrap();
        let width: u32 = p[4].parse().unwrap();
        let mut d = HaarDetector::new(&cascade, width).unwrap();
        d.search = Search {
            scale_factor: p[1].parse().unwrap(),
            neighbours_min: p[2].parse().unwrap(),
            width_min: p[3].parse::<f64>().unwrap() / 640.0,
        };
        let mut out = String::from("{");
        let (mut n, mut ms, mut max) = (0, 0.0, 0.0f64);
        let mut files: Vec<_> = std::fs::read_dir("/tmp/drawn/gray").unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            let mut rows = Vec::new();
            let mut text = String::new();
            for (f, frame) in bytes.chunks(640 * 480).enumerate() {
                if f % 3 == 0 {
                    let t = cpu();
                    let boxes = d.detect(Luma { bytes: frame, width: 640, height: 480 }).unwrap();
                    let t = cpu() - t;
                    ms += t;
                    max = max.max(t);
                    n += 1;
                    text = format!("{:?}", boxes.iter().map(|b| [b.x, b.y, b.width, b.height]).collect::<Vec<_>>());
                }
                rows.push(format!("{{\"frame\":{f},\"boxes\":{text}}}"));
            }
            if out.len() > 1 {
                out.push(',')
            }
            out += &format!("\"{}.mkv\":[{}]", path.file_stem().unwrap().to_str().unwrap(), rows.join(","));
        }
        std::fs::write(format!("/tmp/drawn/{run}.json"), out + "}").unwrap();
        eprintln!("MS {run} mean {:.2} max {max:.2}", ms / n as f64);
    }
}
