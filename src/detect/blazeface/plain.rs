//! The operators of a graph by their plain formulas, for tests: slow, and as short as the definitions.

use super::graph::{Graph, Operation, Range, Tensor, Window};

/// Computes a graph's outputs.
pub(super) fn run(graph: &Graph, input: &[f32]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = graph.tensors.iter().map(|tensor| tensor.constant.clone().unwrap_or_default()).collect();
    values[graph.input] = input.to_vec();
    for operator in &graph.operators {
        let inputs: Vec<Array<'_>> =
            operator.inputs.iter().map(|id| Array { shape: &graph.tensors[*id].shape, values: &values[*id] }).collect();
        values[operator.output] = compute(&operator.operation, &inputs, &graph.tensors[operator.output]);
    }
    graph.outputs.iter().map(|id| values[*id].clone()).collect()
}

#[derive(Clone, Copy)]
struct Array<'a> {
    shape: &'a [usize],
    values: &'a [f32],
}

impl Array<'_> {
    fn at(&self, place: [usize; 4]) -> f32 {
        let [_, rows, columns, channels] = *self.shape else { panic!("four dimensions") };
        self.values[((place[0] * rows + place[1]) * columns + place[2]) * channels + place[3]]
    }
}

/// Every number of a tensor with four dimensions from its place.
fn each(shape: &[usize], f: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let [_, rows, columns, channels] = *shape else { panic!("four dimensions") };
    let place = |n: usize| (n / channels / columns, n / channels % columns, n % channels);
    (0..rows * columns * channels)
        .map(|n| {
            let (y, x, c) = place(n);
            f(y, x, c)
        })
        .collect()
}

fn compute(operation: &Operation, inputs: &[Array<'_>], out: &Tensor) -> Vec<f32> {
    let first = inputs[0];
    match operation {
        Operation::Convolution(window, range) => each(&out.shape, |y, x, c| {
            let sum = samples(*window, first.shape, y, x).map(|(ky, kx, sy, sx)| {
                (0..first.shape[3]).map(|i| first.at([0, sy, sx, i]) * inputs[1].at([c, ky, kx, i])).sum::<f32>()
            });
            clamp(sum.sum::<f32>() + inputs[2].values[c], *range)
        }),
        Operation::Depthwise(window, range) => each(&out.shape, |y, x, c| {
            let sum =
                samples(*window, first.shape, y, x).map(|(ky, kx, sy, sx)| first.at([0, sy, sx, c]) * inputs[1].at([0, ky, kx, c]));
            clamp(sum.sum::<f32>() + inputs[2].values[c], *range)
        }),
        Operation::MaxPool(window, range) => each(&out.shape, |y, x, c| {
            let most = samples(*window, first.shape, y, x).map(|(_, _, sy, sx)| first.at([0, sy, sx, c])).fold(f32::MIN, f32::max);
            clamp(most, *range)
        }),
        Operation::Add(range) => first.values.iter().zip(inputs[1].values).map(|(a, b)| clamp(a + b, *range)).collect(),
        Operation::Clamp(range) => first.values.iter().map(|value| clamp(*value, *range)).collect(),
        Operation::Pad(before, _) => each(&out.shape, |y, x, c| {
            let inside = |at: usize, axis: usize| at.checked_sub(before[axis]).filter(|at| *at < first.shape[axis]);
            let place = (inside(y, 1), inside(x, 2), inside(c, 3));
            if let (Some(y), Some(x), Some(c)) = place { first.at([0, y, x, c]) } else { 0.0 }
        }),
        Operation::Resize => each(&out.shape, |y, x, c| {
            let along = |at: usize, axis: usize| {
                let scale = first.shape[axis] as f32 / out.shape[axis] as f32;
                let at = ((at as f32 + 0.5) * scale - 0.5).max(0.0);
                let low = at.floor();
                (low as usize, (low as usize + 1).min(first.shape[axis] - 1), at - low)
            };
            let ((top, bottom, down), (left, right, across)) = (along(y, 1), along(x, 2));
            let row = |y| first.at([0, y, left, c]) * (1.0 - across) + first.at([0, y, right, c]) * across;
            row(top) * (1.0 - down) + row(bottom) * down
        }),
        Operation::Reshape => first.values.to_vec(),
        Operation::Concatenate(axis) => {
            let outer: usize = first.shape[..*axis].iter().product();
            let parts = |row: usize| {
                inputs.iter().flat_map(move |part| part.values.chunks(part.values.len() / outer).nth(row).into_iter().flatten())
            };
            (0..outer).flat_map(parts).copied().collect()
        }
        Operation::DepthToSpace(block) => {
            each(&out.shape, |y, x, c| first.at([0, y / block, x / block, (y % block * block + x % block) * out.shape[3] + c]))
        }
    }
}

/// Places of a window that lie in the picture: row and column in the window, and in the picture.
fn samples(window: Window, shape: &[usize], y: usize, x: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let (rows, columns) = (shape[1], shape[2]);
    let (top, left) = (window.along(0, rows).expect("it fits").1, window.along(1, columns).expect("it fits").1);
    let at = move |out: usize, k: usize, axis: usize, pad: usize| {
        (out * window.stride[axis] + k * window.dilation[axis]).checked_sub(pad)
    };
    (0..window.size[0] * window.size[1]).filter_map(move |k| {
        let (ky, kx) = (k / window.size[1], k % window.size[1]);
        let (sy, sx) = (at(y, ky, 0, top).filter(|it| *it < rows)?, at(x, kx, 1, left).filter(|it| *it < columns)?);
        Some((ky, kx, sy, sx))
    })
}

fn clamp(value: f32, [least, most]: Range) -> f32 {
    value.clamp(least, most)
}
