//! Whatever bytes a file has, reading it ends with a model or with a sentence.

use super::*;

#[test]
fn numbers_of_half_precision_are_read() {
    for (bits, number) in [(0, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x7bff, 65504.0), (1, 5.960_464_5e-8)]
    {
        assert_eq!(half(bits), number, "{bits:#x}");
    }
    assert_eq!((half(0xfc00), half(0x03ff)), (f32::NEG_INFINITY, 6.097_555e-5));
    assert!(half(0x7c01).is_nan());
}

#[test]
fn what_is_no_model_is_refused_in_a_sentence() {
    for bytes in [&b""[..], b"TFL3", b"\x89PNG\r\n\x1a\n0000", b"\x1c\0\0\0TFL3\x14\0\0\0", &[0; 4096], &[0xff; 4096]] {
        let error = Model::read(bytes).expect_err("no model");
        assert!(error.to_string().starts_with("it is"), "{error}");
    }
}

#[cfg(feature = "blazeface")]
mod real {
    use super::*;
    use proptest::prelude::*;

    static FULL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/full_range.tflite"));
    static SHORT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/short_range.tflite"));

    #[test]
    fn mediapipes_models_are_read() {
        for (bytes, form, n_operators) in [(FULL, Form::FULL_RANGE, 176), (SHORT, Form::SHORT_RANGE, 90)] {
            let model = Model::read(bytes).expect("a model");
            assert_eq!((model.form, model.graph.operators.len()), (form, n_operators));
            assert_eq!(model.graph.tensors[model.graph.outputs[0]].shape, [1, form.n_anchors(), NUMBERS_PER_ANCHOR]);
        }
    }

    #[test]
    fn a_sparse_model_is_spread_out() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/web/node_modules/@mediapipe/face_detection/face_detection_full_range_sparse.tflite"
        );
        let model = Model::read(&std::fs::read(path).expect("the package has it")).expect("a model");
        assert_eq!(model.form, Form::FULL_RANGE);
        let constants = model.graph.tensors.iter().filter_map(|tensor| tensor.constant.as_ref());
        let zeros = constants.clone().flatten().filter(|number| **number == 0.0).count();
        let numbers: usize = constants.map(Vec::len).sum();
        assert!(zeros * 2 > numbers, "{zeros} of {numbers}");
    }

    #[test]
    fn a_model_that_is_cut_is_refused() {
        for bytes in [FULL, SHORT] {
            // The weights of an operator that is left out may lie at the very end.
            for length in (0..bytes.len() - 4096).step_by(bytes.len() / 97) {
                assert!(Model::read(&bytes[..length]).is_err(), "{length}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_model_is_read_to_its_end_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
            let mut bytes = SHORT.to_vec();
            // The tables lie behind the weights: most changes are made there.
            let tables = bytes.len() - bytes.len() / 4;
            for (n, (index, value)) in changes.iter().enumerate() {
                let at = if n % 4 == 0 { index.index(bytes.len()) } else { tables + index.index(bytes.len() - tables) };
                bytes[at] = *value;
            }
            if let Ok(model) = Model::read(&bytes) {
                prop_assert_eq!(model.graph.check(), Ok(()));
            }
        }
    }
}
