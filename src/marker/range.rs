//! A marker as EXT-X-DATERANGE. Pure.
//!
//! An attribute that was sent never changes (§4.4.5.1), so what may still grow is sent with the end.

use super::Marker;
use crate::window::ranges::DateRange;

/// What stands before the kind in CLASS.
pub const CLASS_PREFIX: &str = "org.hlscam.";

/// The date range of a marker, as far as it is final.
pub fn date_range(marker: &Marker) -> DateRange {
    let mut extra = vec![("X-KIND".to_owned(), marker.kind.clone())];
    extra.extend(marker.text.as_deref().filter(|text| !text.is_empty()).map(|text| ("X-TEXT".to_owned(), quotable(text))));
    if marker.end.is_some() {
        extra.extend(marker.count.map(|count| ("X-COUNT".to_owned(), count.to_string())));
        extra.extend(marker.confidence.map(|sure| ("X-CONFIDENCE".to_owned(), format!("{sure:.3}"))));
    }
    DateRange {
        id: marker.id.clone(),
        class: Some(format!("{CLASS_PREFIX}{}", marker.kind)),
        start: marker.begin,
        end: marker.end,
        extra,
    }
}

/// A quoted string of HLS (§4.2) holds neither double quotes nor line breaks, and has no escapes.
fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '"' {
                '\''
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{camera_name::CameraName, marker::MarkerSource, time::WallTime};

    #[test]
    fn what_may_still_grow_is_sent_with_the_end() {
        let mut marker = Marker {
            id: "face-3".to_owned(),
            camera: CameraName::default(),
            kind: "face".to_owned(),
            text: Some("a \"guest\"\nat the door".to_owned()),
            source: MarkerSource::Detector,
            begin: WallTime(1_000_000),
            end: None,
            count: Some(2),
            confidence: Some(0.5),
            best: None,
            data: None,
        };
        let open = "#EXT-X-DATERANGE:ID=\"face-3\",CLASS=\"org.hlscam.face\",START-DATE=\"1970-01-01T00:00:01.000Z\"";
        let always = "X-KIND=\"face\",X-TEXT=\"a 'guest' at the door\"";
        assert_eq!(date_range(&marker).to_string(), format!("{open},{always}"));
        marker.end = Some(WallTime(2_000_000));
        assert!(date_range(&marker).is_valid());
        assert_eq!(
            date_range(&marker).to_string(),
            format!("{open},END-DATE=\"1970-01-01T00:00:02.000Z\",{always},X-COUNT=\"2\",X-CONFIDENCE=\"0.500\"")
        );
    }
}
