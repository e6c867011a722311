//! Every operator against its plain formula, and the whole networks against an independent implementation.

use super::*;
use crate::detect::blazeface::{
    graph::{ANY, Tensor},
    plain,
    tflite::Model,
};

/// Numbers without order, from −1 to 1, the same in every run.
fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / (u32::MAX / 2) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn computed(shape: &[usize]) -> Tensor {
    Tensor { shape: shape.to_vec(), constant: None }
}

fn constant(shape: &[usize], seed: u32) -> Tensor {
    Tensor { shape: shape.to_vec(), constant: Some(numbers(shape.iter().product(), seed)) }
}

/// Has XNNPACK compute a graph, and compares with the formulas.
fn compare(graph: &Graph) {
    graph.check().expect("a graph that fits");
    let input = numbers(graph.tensors[graph.input].n_numbers(), 7);
    let mut runtime = Runtime::new(graph).expect("XNNPACK takes it");
    // Twice: what a run leaves behind must not change the next one.
    for _ in 0..2 {
        runtime.input().copy_from_slice(&input);
        runtime.invoke().expect("it runs");
    }
    for (idx, wanted) in plain::run(graph, &input).iter().enumerate() {
        let found = runtime.output(idx);
        assert_eq!(found.len(), wanted.len());
        for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!((found - wanted).abs() <= 1e-4 * wanted.abs().max(1.0), "{found}, not {wanted} at {place} of {graph:?}");
        }
    }
}

/// A graph of one operator with an input of that shape, constants and an output.
fn one(operation: Operation, input: &[usize], constants: &[Tensor], output: &[usize]) -> Graph {
    let mut tensors = vec![computed(input)];
    tensors.extend_from_slice(constants);
    tensors.push(computed(output));
    let output = tensors.len() - 1;
    Graph {
        tensors,
        operators: vec![Operator { operation, inputs: (0..output).collect(), output }],
        input: 0,
        outputs: vec![output],
    }
}

fn window(size: usize, stride: usize, is_padded: bool) -> Window {
    Window { size: [size; 2], stride: [stride; 2], dilation: [1; 2], is_padded }
}

#[test]
fn convolution() {
    for (size, stride, is_padded, out) in
        [(1, 1, true, 10), (3, 1, true, 10), (3, 2, true, 5), (5, 2, true, 5), (3, 2, false, 4), (2, 2, false, 5)]
    {
        let operation = Operation::Convolution(window(size, stride, is_padded), ANY);
        compare(&one(operation, &[1, 10, 10, 5], &[constant(&[7, size, size, 5], 1), constant(&[7], 2)], &[1, out, out, 7]));
    }
    let wide = Window { size: [2, 3], stride: [1, 2], dilation: [2, 1], is_padded: true };
    let operation = Operation::Convolution(wide, [0.0, 1.0]);
    compare(&one(operation, &[1, 6, 9, 3], &[constant(&[4, 2, 3, 3], 1), constant(&[4], 2)], &[1, 6, 5, 4]));
}

#[test]
fn depthwise_convolution() {
    for (size, stride, is_padded, out) in [(3, 1, true, 11), (3, 2, true, 6), (5, 1, true, 11), (5, 2, true, 6), (3, 2, false, 5)] {
        let operation = Operation::Depthwise(window(size, stride, is_padded), [0.0, f32::INFINITY]);
        compare(&one(operation, &[1, 11, 11, 9], &[constant(&[1, size, size, 9], 3), constant(&[9], 4)], &[1, out, out, 9]));
    }
}

#[test]
fn pooling() {
    compare(&one(Operation::MaxPool(window(2, 2, false), ANY), &[1, 8, 8, 6], &[], &[1, 4, 4, 6]));
    compare(&one(Operation::MaxPool(window(3, 2, true), ANY), &[1, 8, 8, 6], &[], &[1, 4, 4, 6]));
}

#[test]
fn sums_and_clamps() {
    let mut graph = one(Operation::Clamp([0.0, f32::INFINITY]), &[1, 4, 4, 3], &[], &[1, 4, 4, 3]);
    compare(&graph);
    graph.operators[0].operation = Operation::Clamp([-0.5, 0.25]);
    compare(&graph);
    graph.tensors.push(computed(&[1, 4, 4, 3]));
    graph.operators.push(Operator { operation: Operation::Add([-0.5, 0.6]), inputs: vec![0, 1], output: 2 });
    graph.outputs = vec![2];
    compare(&graph);
}

#[test]
fn padding_and_shapes() {
    compare(&one(Operation::Pad([0, 0, 0, 0], [0, 0, 0, 5]), &[1, 3, 4, 6], &[], &[1, 3, 4, 11]));
    compare(&one(Operation::Pad([0, 1, 2, 0], [0, 3, 0, 0]), &[1, 3, 4, 6], &[], &[1, 7, 6, 6]));
    compare(&one(Operation::Reshape, &[1, 4, 4, 6], &[], &[1, 32, 3]));
    compare(&one(Operation::DepthToSpace(2), &[1, 3, 5, 8], &[], &[1, 6, 10, 2]));
}

#[test]
fn resizing() {
    compare(&one(Operation::Resize, &[1, 6, 6, 5], &[], &[1, 12, 12, 5]));
    compare(&one(Operation::Resize, &[1, 4, 6, 3], &[], &[1, 7, 9, 3]));
}

#[test]
fn concatenation() {
    let mut graph = one(Operation::Clamp([0.0, 0.5]), &[1, 4, 3], &[], &[1, 4, 3]);
    graph.tensors.extend([computed(&[1, 2, 6]), computed(&[1, 4, 3]), computed(&[1, 8, 3]), computed(&[1, 4, 6])]);
    graph.operators.push(Operator { operation: Operation::Reshape, inputs: vec![0], output: 2 });
    graph.operators.push(Operator { operation: Operation::Reshape, inputs: vec![2], output: 3 });
    graph.operators.push(Operator { operation: Operation::Concatenate(1), inputs: vec![3, 1], output: 4 });
    graph.outputs = vec![4];
    compare(&graph);
    // Side by side, the parts do not lie one after the other.
    graph.operators[3] = Operator { operation: Operation::Concatenate(2), inputs: vec![3, 1], output: 5 };
    graph.outputs = vec![5];
    graph.check().expect("a graph that fits");
    assert!(Runtime::new(&graph).is_err_and(|error| error.contains("concatenates")));
}

#[test]
fn graphs_that_do_not_fit_are_refused() {
    let good = one(
        Operation::Convolution(window(3, 1, true), ANY),
        &[1, 8, 8, 4],
        &[constant(&[2, 3, 3, 4], 1), constant(&[2], 2)],
        &[1, 8, 8, 2],
    );
    assert_eq!(good.check(), Ok(()));
    let check = |change: fn(&mut Graph), word: &str| {
        let mut graph = good.clone();
        change(&mut graph);
        let error = graph.check().expect_err("it does not fit");
        assert!(error.contains(word), "{error}");
        assert!(Runtime::new(&graph).is_err());
    };
    check(|graph| graph.tensors[0].shape[3] = 5, "does not fit");
    check(|graph| graph.tensors[3].shape[1] = 9, "does not fit");
    check(|graph| graph.tensors[1].shape = vec![2, 3, 4, 3], "does not fit");
    check(|graph| graph.tensors[2] = constant(&[3], 1), "does not fit");
    check(|graph| graph.tensors[1].constant = None, "not computed before");
    check(|graph| graph.tensors[1].constant = Some(vec![0.0; 71]), "another number");
    check(|graph| graph.tensors[1].constant = Some(vec![f32::NAN; 72]), "are none");
    check(|graph| graph.tensors[0].shape = vec![1, 8, 8, 0], "shape");
    check(|graph| graph.tensors[0].shape = vec![1; 5], "shape");
    check(|graph| graph.tensors[0].shape = vec![1, usize::MAX, usize::MAX, 4], "shape");
    check(|graph| graph.operators[0].inputs = vec![0, 1, 9], "not computed before");
    check(|graph| graph.operators[0].output = 0, "there already");
    check(|graph| graph.operators[0].output = 9, "does not fit");
    check(|graph| graph.operators[0].operation = Operation::Convolution(window(0, 1, true), ANY), "does not fit");
    check(|graph| graph.operators[0].operation = Operation::Convolution(window(3, 0, true), ANY), "does not fit");
    check(|graph| graph.operators[0].operation = Operation::Convolution(window(3, 1, true), [1.0, f32::NAN]), "does not fit");
    check(|graph| graph.outputs = vec![0], "outputs");
    check(|graph| graph.input = 9, "no input");
}

/// The networks as they are embedded.
fn embedded() -> [(Model, &'static str); 2] {
    let read = |bytes: &[u8]| Model::read(bytes).expect("a model");
    [
        (read(include_bytes!(concat!(env!("OUT_DIR"), "/full_range.tflite"))), include_str!("golden/full_range.txt")),
        (read(include_bytes!(concat!(env!("OUT_DIR"), "/short_range.tflite"))), include_str!("golden/short_range.txt")),
    ]
}

/// What three pictures show at a pixel: a gradient, stripes, and a drawn face, in RGB from −1 to 1.
const PICTURES: [fn(f32, f32) -> [f32; 3]; 3] = [
    |x, y| [2.0 * x - 1.0, 2.0 * y - 1.0, 1.0 - x - y],
    |x, y| if (x * 24.0) as u32 % 2 == (y * 12.0) as u32 % 2 { [0.75, 0.5, 0.25] } else { [-0.5, -0.25, -0.75] },
    |x, y| {
        let inside = |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0;
        if inside(0.43, 0.44, 0.03, 0.015) || inside(0.57, 0.44, 0.03, 0.015) || inside(0.5, 0.62, 0.06, 0.02) {
            [-0.5, -0.625, -0.625]
        } else if inside(0.5, 0.54, 0.02, 0.02) {
            [0.25, 0.0, -0.125]
        } else if inside(0.5, 0.5, 0.15, 0.2) {
            [0.625, 0.25, 0.125]
        } else {
            [-0.25, -0.125, 0.0]
        }
    },
];

fn drawn(picture: fn(f32, f32) -> [f32; 3], side: usize) -> Vec<f32> {
    let at = |n: usize| (n as f32 + 0.5) / side as f32;
    (0..side * side).flat_map(|n| picture(at(n % side), at(n / side))).collect()
}

/// The goldens hold of each picture every 97th number of the boxes and every 13th of the scores, as LiteRT 2 computed them.
#[test]
fn whole_networks_say_what_another_implementation_says() {
    for (model, golden) in embedded() {
        let mut network = Xnnpack::new(model.clone()).expect("XNNPACK takes it");
        for (picture, line) in PICTURES.iter().zip(golden.lines()) {
            network.input().copy_from_slice(&drawn(*picture, model.form.size[0]));
            let answer = network.run().expect("it runs");
            let found = answer.boxes.iter().step_by(97).chain(answer.scores.iter().step_by(13));
            let wanted: Vec<f32> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
            assert_eq!(found.clone().count(), wanted.len());
            for (place, (found, wanted)) in found.zip(wanted).enumerate() {
                assert!((found - wanted).abs() <= 0.002 * wanted.abs().max(1.0), "{found}, not {wanted} at {place}");
            }
        }
        assert_eq!(golden.lines().count(), PICTURES.len());
    }
}

#[test]
fn whole_networks_run_over_less_than_a_square() {
    for (model, _) in embedded() {
        let form = model.form.around(320, 100);
        let [columns, rows] = form.size;
        let mut network = Xnnpack::new(model.clone()).expect("XNNPACK takes it");
        network.resize(form).expect("it has these lengths too");
        assert_eq!((network.form(), columns, rows), (form, model.form.size[0], 64));
        let input = numbers(form.n_inputs(), 5);
        network.input().copy_from_slice(&input);
        let answer = network.run().expect("it runs");
        let graph = model.graph.over(rows, columns).expect("the same graph");
        let wanted = plain::run(&graph, &input);
        for (found, wanted) in [(answer.boxes, &wanted[0]), (answer.scores, &wanted[1])] {
            assert_eq!(found.len(), wanted.len());
            let off = found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs() / wanted.abs().max(1.0));
            assert!(off.clone().all(|off| off <= 0.002), "{:?}", off.reduce(f32::max));
        }
        // As large as it was, it is what it was.
        network.resize(model.form).expect("it has its own lengths");
        assert_eq!((network.form(), network.input().len()), (model.form, model.form.n_inputs()));
    }
}

#[test]
fn a_network_that_fits_no_other_picture_stays_as_it_is() {
    for (model, _) in embedded() {
        assert!(model.graph.over(100, 100).is_none_or(|graph| graph.check().is_ok()));
        assert_eq!(model.graph.over(0, 32), None);
        assert_eq!(model.graph.over(1 << 20, 1 << 20), None);
        assert_eq!(model.graph.over(usize::MAX, usize::MAX), None);
    }
}
