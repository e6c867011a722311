//! What is hidden in the pictures of a source, which may be changed while they come.

use crate::{
    changeable::Changeable,
    picture::{
        Area, Size,
        mask::{self, Mask, OutsideError},
    },
};

/// The masks of a stream.
pub(super) struct Masks {
    asked: Changeable<Vec<Mask>>,
    /// How often they had been changed when the areas were made.
    version: u64,
    areas: Vec<Area>,
}

impl Masks {
    /// In pictures of that size; fails where one would hide nothing.
    pub(super) fn of(asked: Changeable<Vec<Mask>>, size: Size) -> Result<Masks, OutsideError> {
        let mut version = 0;
        let masks = asked.newer_than(&mut version).unwrap_or_else(|| asked.get());
        Ok(Masks { areas: mask::areas(&masks, size)?, asked, version })
    }

    /// What is to be hidden.
    pub(super) fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// What was changed meanwhile counts from now on, in pictures of that size.
    pub(super) fn look(&mut self, size: Size) {
        let Some(masks) = self.asked.newer_than(&mut self.version) else { return };
        // Whoever changes them has seen to it that they lie in the picture.
        match mask::areas(&masks, size) {
            Ok(areas) => self.areas = areas,
            Err(error) => tracing::error!("the masks stay as they were: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::mask::Measure;

    #[test]
    fn what_is_hidden_changes_and_what_hides_nothing_is_left() {
        let mask = |left: u32| {
            let [left, side] = [left, 8].map(Measure::Pixels);
            vec![Mask { left, top: side, width: side, height: side }]
        };
        let size = Size::new(64, 48).expect("even");
        let asked = Changeable::new(mask(0));
        let mut masks = Masks::of(asked.clone(), size).expect("it is in the picture");
        let before = masks.areas().to_vec();
        masks.look(size);
        assert_eq!(masks.areas(), before);
        asked.set(mask(16));
        masks.look(size);
        assert_eq!(masks.areas(), mask::areas(&mask(16), size).expect("it is in the picture"));
        asked.set(mask(64));
        masks.look(size);
        assert_eq!(masks.areas(), mask::areas(&mask(16), size).expect("it is in the picture"));
        assert!(Masks::of(asked, size).is_err());
    }
}
