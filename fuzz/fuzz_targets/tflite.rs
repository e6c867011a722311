//! Any file as a face network: it is refused, or it is a graph that passes every check.

#![no_main]

use hlscam::detect::blazeface::tflite::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(model) = Model::read(file) {
        assert_eq!(model.graph.check(), Ok(()));
    }
});
