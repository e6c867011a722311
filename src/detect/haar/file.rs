//! Reads a cascade file, checks everything in it, and writes it anew. Pure.
//!
//! OpenCV believes what a file says: an index that is out of range, a Haar cascade that says it is LBP, or elements that are nested deeply
//! end the program by a signal. So OpenCV never reads a byte of a file: it reads what [`checked`] writes from numbers that fit together.

use quick_xml::{Reader, events::Event};
use serde::Deserialize;
use std::fmt::Write;

/// Most rectangles of a feature.
pub(super) const AREAS_MAX: usize = 3;
/// Longest side of a window in pixels; those of OpenCV's cascades are under 100, and a camera's picture has few more.
const WINDOW_MAX: usize = 1024;
/// Categories of a local binary pattern: all values of its 8 bits. Fewer would be looked up beyond their end.
const LBP_CATEGORIES: usize = 256;
/// Words of the set of categories in a node of a local binary pattern.
const LBP_WORDS: usize = LBP_CATEGORIES / 32;
/// Most nodes of a tree; those of OpenCV's cascades have one or two, and training offers no more than this.
const TREE_NODES_MAX: usize = 1024;

#[derive(Deserialize)]
struct Storage {
    cascade: Cascade,
}

/// The cascade of a file.
#[derive(Deserialize)]
pub(super) struct Cascade {
    #[serde(rename = "stageType")]
    pub(super) stage_type: String,
    #[serde(rename = "featureType")]
    pub(super) feature_type: String,
    pub(super) width: usize,
    pub(super) height: usize,
    #[serde(rename = "featureParams")]
    params: Option<Params>,
    pub(super) stages: List<Stage>,
    pub(super) features: List<Feature>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "maxCatCount")]
    categories: Option<usize>,
}

/// A list; elements without a name of their own are called `_`.
#[derive(Deserialize)]
pub(super) struct List<T> {
    #[serde(rename = "_", default = "Vec::new")]
    pub(super) list: Vec<T>,
}

/// A stage.
#[derive(Deserialize)]
pub(super) struct Stage {
    #[serde(rename = "stageThreshold")]
    pub(super) threshold: f64,
    #[serde(rename = "weakClassifiers")]
    pub(super) weak: List<Weak>,
}

/// A decision tree.
#[derive(Deserialize)]
pub(super) struct Weak {
    /// Per node: where its two ways lead, its feature, and the threshold or the set of categories.
    #[serde(rename = "internalNodes")]
    pub(super) nodes: String,
    #[serde(rename = "leafValues")]
    pub(super) leaves: String,
}

/// A feature.
#[derive(Deserialize)]
pub(super) struct Feature {
    /// Of Haar, per rectangle: left, top, width, height and weight.
    #[serde(default)]
    pub(super) rects: Option<List<String>>,
    /// Of a local binary pattern: left, top, and width and height of one of its nine fields.
    rect: Option<String>,
    pub(super) tilted: Option<u8>,
}

/// What a feature is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Haar,
    Lbp,
}

/// Reads the cascade of a file in the format of OpenCV 2 and later.
pub(super) fn read(xml: &str) -> Option<Cascade> {
    let name = cascade_name(xml)?;
    if name == "cascade" {
        return Some(quick_xml::de::from_str::<Storage>(xml).ok()?.cascade);
    }
    // A converted cascade is called as its file was.
    let (begin, end) = (format!("<{name}"), format!("</{name}"));
    let (head, tail) = xml.rsplit_once(&end)?;
    let renamed = format!("{}</cascade{tail}", head.replacen(&begin, "<cascade", 1));
    Some(quick_xml::de::from_str::<Storage>(&renamed).ok()?.cascade)
}

/// The name of the first element in the outermost one.
fn cascade_name(xml: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let mut is_inside = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if is_inside => return Some(tag.name().as_ref().to_owned()),
            Event::Start(_) => is_inside = true,
            Event::Eof | Event::Empty(_) | Event::End(_) => return None,
            _ => {}
        }
    }
}

/// The numbers of an element, as OpenCV reads them: by way of a double.
pub(super) fn numbers(text: &str) -> Option<Vec<f32>> {
    doubles(text).map(|numbers| numbers.into_iter().map(|number| number as f32).collect())
}

fn doubles(text: &str) -> Option<Vec<f64>> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| (*number as f32).is_finite());
    text.split_ascii_whitespace().map(number).collect()
}

/// A number without a fraction that fits.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract() == 0.0 && number.abs() <= f64::from(u32::MAX);
    is_whole.then_some(number as i64)
}

/// A cascade in the words of OpenCV, or what is wrong with it.
pub(super) fn checked(cascade: &Cascade) -> Result<String, String> {
    let kind = match (cascade.stage_type.as_str(), cascade.feature_type.as_str()) {
        ("BOOST", "HAAR") => Kind::Haar,
        ("BOOST", "LBP") => Kind::Lbp,
        (stage, feature) => {
            return Err(format!("it is of type {stage:.20} and {feature:.20}, and BOOST with HAAR or LBP is supported"));
        }
    };
    let categories = cascade.params.as_ref().and_then(|params| params.categories).unwrap_or(0);
    let expected = if kind == Kind::Lbp { LBP_CATEGORIES } else { 0 };
    if categories != expected {
        return Err(format!("maxCatCount is {categories}, and its features need {expected}"));
    }
    let (width, height) = (cascade.width, cascade.height);
    if !(3..=WINDOW_MAX).contains(&width) || !(3..=WINDOW_MAX).contains(&height) {
        return Err(format!("its window is {width}×{height}, and a side is 3 to {WINDOW_MAX}"));
    }
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n<opencv_storage>\n<cascade type_id=\"opencv-cascade-classifier\"><stageType>BOOST</stageType>\n\
         <featureType>{}</featureType>\n<height>{height}</height>\n<width>{width}</width>\n\
         <featureParams>\n<maxCatCount>{categories}</maxCatCount></featureParams>\n<stageNum>{}</stageNum>\n<stages>\n",
        cascade.feature_type,
        cascade.stages.list.len()
    );
    if cascade.stages.list.is_empty() {
        return Err("it has no stages".to_owned());
    }
    for (n, stage) in cascade.stages.list.iter().enumerate() {
        write_stage(&mut xml, stage, kind, cascade.features.list.len()).ok_or_else(|| format!("stage {n} is damaged"))?;
    }
    xml.push_str("</stages>\n<features>\n");
    for (n, feature) in cascade.features.list.iter().enumerate() {
        let written = match kind {
            Kind::Haar => write_haar(&mut xml, feature, (width, height)),
            Kind::Lbp => write_lbp(&mut xml, feature, (width, height)),
        };
        written.ok_or_else(|| format!("feature {n} is damaged, or lies outside of the window"))?;
    }
    xml.push_str("</features></cascade>\n</opencv_storage>\n");
    Ok(xml)
}

fn write_stage(xml: &mut String, stage: &Stage, kind: Kind, n_features: usize) -> Option<()> {
    let is_usable = (stage.threshold as f32).is_finite() && !stage.weak.list.is_empty();
    let (n_trees, threshold) = (stage.weak.list.len(), is_usable.then_some(stage.threshold)?);
    write!(xml, "<_>\n<maxWeakCount>{n_trees}</maxWeakCount>\n<stageThreshold>{threshold:e}</stageThreshold>\n<weakClassifiers>\n")
        .ok()?;
    for weak in &stage.weak.list {
        write_tree(xml, weak, kind, n_features)?;
    }
    xml.push_str("</weakClassifiers></_>\n");
    Some(())
}

fn write_tree(xml: &mut String, weak: &Weak, kind: Kind, n_features: usize) -> Option<()> {
    let (nodes, leaves) = (doubles(&weak.nodes)?, doubles(&weak.leaves)?);
    let step = 3 + if kind == Kind::Lbp { LBP_WORDS } else { 1 };
    let n_nodes = nodes.len() / step;
    // OpenCV finds the leaves of a tree by counting.
    if nodes.len() % step != 0 || !(1..=TREE_NODES_MAX).contains(&n_nodes) || leaves.len() != n_nodes + 1 {
        return None;
    }
    xml.push_str("<_>\n<internalNodes>\n");
    for (index, node) in nodes.chunks(step).enumerate() {
        // A way to 0 or less is one to a leaf; one to a node leads on, or the search would not end.
        let way = |way: f64| {
            whole(way).filter(|way| match usize::try_from(*way) {
                Ok(0) | Err(_) => way.unsigned_abs() < leaves.len() as u64,
                Ok(next) => next > index && next < n_nodes,
            })
        };
        let (under, over) = (way(node[0])?, way(node[1])?);
        // A tree of one node is read as if it led to its two leaves in this order.
        if n_nodes == 1 && (under, over) != (0, -1) {
            return None;
        }
        let feature = whole(node[2]).and_then(|feature| usize::try_from(feature).ok()).filter(|feature| *feature < n_features)?;
        write!(xml, "{under} {over} {feature}").ok()?;
        for value in &node[3..] {
            match kind {
                Kind::Haar => write!(xml, " {value:e}").ok()?,
                Kind::Lbp => write!(xml, " {}", whole(*value).and_then(|set| i32::try_from(set).ok())?).ok()?,
            }
        }
        xml.push('\n');
    }
    xml.push_str("</internalNodes>\n<leafValues>\n");
    leaves.iter().try_for_each(|leaf| writeln!(xml, "{leaf:e}")).ok()?;
    xml.push_str("</leafValues></_>\n");
    Some(())
}

/// The whole numbers of a rectangle.
fn sides(numbers: &[f64]) -> Option<[usize; 4]> {
    let side = |number: &f64| whole(*number).and_then(|number| usize::try_from(number).ok()).filter(|side| *side <= WINDOW_MAX);
    let sides: Vec<usize> = numbers.iter().map(side).collect::<Option<_>>()?;
    sides.try_into().ok()
}

fn write_haar(xml: &mut String, feature: &Feature, (width, height): (usize, usize)) -> Option<()> {
    let (rects, tilted) = (feature.rects.as_ref()?, feature.tilted.unwrap_or(0));
    if !(1..=AREAS_MAX).contains(&rects.list.len()) || tilted > 1 {
        return None;
    }
    xml.push_str("<_>\n<rects>\n");
    for rect in &rects.list {
        let [sides @ .., weight] = &doubles(rect)?[..] else { return None };
        let [x, y, across, down] = self::sides(sides)?;
        let is_inside = match tilted {
            0 => x + across <= width && y + down <= height,
            // It hangs from its top corner: down to the left by its height, to the right by its width.
            _ => down <= x && x + across <= width && y + across + down <= height,
        };
        write!(xml, "<_>\n{x} {y} {across} {down} {:e}</_>\n", is_inside.then_some(*weight)?).ok()?;
    }
    write!(xml, "</rects>\n<tilted>{tilted}</tilted></_>\n").ok()
}

fn write_lbp(xml: &mut String, feature: &Feature, (width, height): (usize, usize)) -> Option<()> {
    let [x, y, across, down] = sides(&doubles(feature.rect.as_deref()?)?)?;
    // Three fields in each direction.
    let is_inside = x + 3 * across <= width && y + 3 * down <= height;
    is_inside.then(|| write!(xml, "<_>\n<rect>\n{x} {y} {across} {down}</rect></_>\n").ok())?
}

#[cfg(test)]
mod tests;
