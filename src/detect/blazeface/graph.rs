//! What a network computes: a list of operators over tensors, checked. Pure.
//!
//! A [`Graph`] whose [`check`](Graph::check) passed can be run without another look at its shapes: every operator gets what it needs, and
//! makes what is declared. The native library that runs it believes the shapes it is told, so all of them are computed anew here.

/// Most dimensions of a tensor: batch, rows, columns, channels.
const DIMENSIONS_MAX: usize = 4;
/// Most numbers of one tensor; the largest of BlazeFace has 0.3 million.
pub(super) const NUMBERS_MAX: usize = 4 << 20;
/// Most numbers of all tensors that a run computes: 128 MB.
const COMPUTED_MAX: usize = 32 << 20;
/// Most multiplications of a run: ten times what BlazeFace needs, and far less than a second.
const PRODUCTS_MAX: usize = 1 << 30;
/// Largest window of a convolution or a pooling, stride and dilation, in pixels; BlazeFace has 5.
const WINDOW_MAX: usize = 64;

/// Which tensor, by its place in [`Graph::tensors`].
pub type TensorId = usize;

/// Numbers and their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths, the slowest first: for a picture 1, rows, columns, channels.
    pub shape: Vec<usize>,
    /// Its numbers, where they are part of the model.
    pub constant: Option<Vec<f32>>,
}

/// How a window moves over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub size: [usize; 2],
    /// Pixels from one place to the next.
    pub stride: [usize; 2],
    /// Pixels from one of its samples to the next.
    pub dilation: [usize; 2],
    /// As TensorFlow pads: `true` is SAME, so that a stride of 1 keeps the size; `false` is VALID, nothing.
    pub is_padded: bool,
}

/// The smallest and the largest number that comes out.
pub type Range = [f32; 2];
/// Every number may come out.
pub const ANY: Range = [f32::NEG_INFINITY, f32::INFINITY];

/// What is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Every output channel from all input channels; inputs: picture, filter (output channels, rows, columns, input channels), bias.
    Convolution(Window, Range),
    /// Every channel by itself; inputs: picture, filter (1, rows, columns, channels), bias.
    Depthwise(Window, Range),
    /// The largest number of each window, per channel.
    MaxPool(Window, Range),
    /// The sum of two tensors of one shape.
    Add(Range),
    /// Numbers outside of the range become its ends.
    Clamp(Range),
    /// Zeros before and after each dimension.
    Pad([usize; DIMENSIONS_MAX], [usize; DIMENSIONS_MAX]),
    /// Bilinear, to the output's rows and columns; the centres of pixels lie at halves.
    Resize,
    /// The same numbers in another shape.
    Reshape,
    /// All inputs, one after the other, along that dimension.
    Concatenate(usize),
    /// Channels become blocks of so many rows and columns.
    DepthToSpace(usize),
}

/// One step of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// What it does.
    pub operation: Operation,
    /// What it does it with.
    pub inputs: Vec<TensorId>,
    /// What it makes.
    pub output: TensorId,
}

/// A network.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Constants, the input and all that is computed.
    pub tensors: Vec<Tensor>,
    /// In the order in which they run.
    pub operators: Vec<Operator>,
    /// What it is given.
    pub input: TensorId,
    /// What is read of it.
    pub outputs: Vec<TensorId>,
}

impl Tensor {
    /// Numbers in it. Of a shape that was not checked it may be too small.
    pub fn n_numbers(&self) -> usize {
        self.shape.iter().fold(1, |n, length| n.saturating_mul(*length))
    }
}

impl Window {
    /// Rows or columns that come out of `n`, and what is padded before and behind them; `None` where the window does not fit.
    pub fn along(self, axis: usize, n: usize) -> Option<(usize, usize, usize)> {
        let reach = (self.size[axis] - 1) * self.dilation[axis] + 1;
        if !self.is_padded {
            return (n >= reach).then(|| ((n - reach) / self.stride[axis] + 1, 0, 0));
        }
        let out = n.div_ceil(self.stride[axis]);
        let padding = ((out - 1) * self.stride[axis] + reach).saturating_sub(n);
        Some((out, padding / 2, padding - padding / 2))
    }

    fn is_sane(self) -> bool {
        [self.size, self.stride, self.dilation].iter().flatten().all(|length| (1..=WINDOW_MAX).contains(length))
    }

    /// The shape that comes out of a picture, with as many channels.
    fn over(self, picture: &[usize], channels: usize) -> Option<Vec<usize>> {
        let [1, rows, columns, _] = *picture else { return None };
        if !self.is_sane() {
            return None;
        }
        Some(vec![1, self.along(0, rows)?.0, self.along(1, columns)?.0, channels])
    }
}

impl Graph {
    /// Whether every operator gets tensors that are known by then and of the shapes it needs, and makes the shape that is declared; within
    /// limits of memory and work. The reason if not, as the second half of a sentence.
    pub fn check(&self) -> Result<(), String> {
        let mut is_known: Vec<bool> = self.tensors.iter().map(|tensor| tensor.constant.is_some()).collect();
        for (idx, tensor) in self.tensors.iter().enumerate() {
            check_tensor(tensor).map_err(|reason| format!("its tensor {idx} {reason}"))?;
        }
        let input = is_known.get_mut(self.input).ok_or("it has no input")?;
        *input = true;
        let (mut computed, mut products) = (0_usize, 0_usize);
        for (idx, operator) in self.operators.iter().enumerate() {
            let wrong = || format!("its operator {idx} does not fit its tensors");
            if !operator.inputs.iter().all(|input| is_known.get(*input) == Some(&true)) {
                return Err(format!("its operator {idx} needs what is not computed before it"));
            }
            let out = self.tensors.get(operator.output).ok_or_else(wrong)?;
            if is_known[operator.output] {
                return Err(format!("its operator {idx} writes what is there already"));
            }
            if self.shape_of(operator).as_ref() != Some(&out.shape) {
                return Err(wrong());
            }
            is_known[operator.output] = true;
            computed += out.n_numbers();
            products = products.saturating_add(out.n_numbers().saturating_mul(self.products_each(operator)));
            if computed > COMPUTED_MAX || products > PRODUCTS_MAX {
                return Err("it asks for more memory or work than ten of BlazeFace".to_owned());
            }
        }
        let is_computed = |output: &TensorId| self.operators.iter().any(|operator| operator.output == *output);
        if self.outputs.iter().all(is_computed) { Ok(()) } else { Err("it does not compute its outputs".to_owned()) }
    }

    /// The same network over another input; `None` where one of its operators does not fit that.
    pub fn over(&self, rows: usize, columns: usize) -> Option<Graph> {
        if !(1..=NUMBERS_MAX).contains(&rows.saturating_mul(columns)) {
            return None;
        }
        let mut graph = self.clone();
        graph.tensors[self.input].shape.get_mut(1..3)?.copy_from_slice(&[rows, columns]);
        for operator in &self.operators {
            let shape = graph.resized(self, operator)?;
            graph.tensors[operator.output].shape = shape;
        }
        graph.check().ok().map(|()| graph)
    }

    /// The shape that an operator makes here, where the lengths of a picture differ from those in `old`.
    fn resized(&self, old: &Graph, operator: &Operator) -> Option<Vec<usize>> {
        let (input, before) = (&self.tensors[*operator.inputs.first()?], &old.tensors[*operator.inputs.first()?]);
        let out = &old.tensors.get(operator.output)?.shape;
        match operator.operation {
            // By the same factor as it was.
            Operation::Resize => {
                let length = |axis: usize| {
                    let product = out.get(axis)? * input.shape.get(axis)?;
                    product.is_multiple_of(before.shape[axis]).then(|| product / before.shape[axis])
                };
                Some(vec![1, length(1)?, length(2)?, *out.get(3)?])
            }
            // What a row of numbers is stays so; there are more or fewer of them.
            Operation::Reshape => {
                let [1, _, each] = out[..] else { return None };
                input.n_numbers().is_multiple_of(each).then(|| vec![1, input.n_numbers() / each, each])
            }
            _ => self.shape_of(operator),
        }
    }

    /// The shape that an operator makes of its inputs; `None` if they do not fit.
    fn shape_of(&self, operator: &Operator) -> Option<Vec<usize>> {
        let shapes: Vec<&[usize]> = operator.inputs.iter().map(|input| self.tensors[*input].shape.as_slice()).collect();
        let is_constant = |input: usize| self.tensors[operator.inputs[input]].constant.is_some();
        let out = &self.tensors.get(operator.output)?.shape;
        // The first input is computed in all of them: what is constant was folded when the model was read.
        if is_constant(0) {
            return None;
        }
        match (&operator.operation, shapes.as_slice()) {
            (Operation::Convolution(window, range), [picture, filter, bias])
                if is_constant(1) && is_constant(2) && is_range(*range) =>
            {
                let fits = filter.len() == 4 && filter[1..3] == window.size && picture.get(3) == Some(&filter[3]);
                if fits && *bias == [filter[0]] { window.over(picture, filter[0]) } else { None }
            }
            (Operation::Depthwise(window, range), [picture, filter, bias])
                if is_constant(1) && is_constant(2) && is_range(*range) =>
            {
                let fits = filter.len() == 4 && filter[0] == 1 && filter[1..3] == window.size && picture.get(3) == Some(&filter[3]);
                if fits && *bias == [filter[3]] { window.over(picture, filter[3]) } else { None }
            }
            (Operation::MaxPool(window, range), [picture]) if is_range(*range) => window.over(picture, *picture.get(3)?),
            (Operation::Add(range), [a, b]) if a == b && !is_constant(1) && is_range(*range) => Some(a.to_vec()),
            (Operation::Clamp(range), [all]) if is_range(*range) => Some(all.to_vec()),
            (Operation::Pad(before, after), [picture]) if picture.len() == DIMENSIONS_MAX => {
                let lengths = picture.iter().zip(before).zip(after);
                lengths.map(|((length, before), after)| length.checked_add(*before)?.checked_add(*after)).collect()
            }
            (Operation::Resize, [picture]) if out.len() == 4 && picture.len() == 4 && picture[0] == 1 => {
                Some(vec![1, out[1], out[2], picture[3]])
            }
            (Operation::Reshape, [_]) if self.tensors[operator.inputs[0]].n_numbers() == out.iter().product::<usize>() => {
                Some(out.clone())
            }
            (Operation::Concatenate(axis), all) if (2..=4).contains(&all.len()) => {
                let mut shape = all[0].to_vec();
                *shape.get_mut(*axis)? = 0;
                for (idx, part) in all.iter().enumerate() {
                    let fits = part.len() == shape.len() && (0..shape.len()).all(|it| it == *axis || part[it] == shape[it]);
                    if !fits || is_constant(idx) {
                        return None;
                    }
                    shape[*axis] += part[*axis];
                }
                Some(shape)
            }
            (Operation::DepthToSpace(block), [[1, rows, columns, channels]]) if (2..=8).contains(block) => {
                let area = block * block;
                channels.is_multiple_of(area).then(|| vec![1, rows * block, columns * block, channels / area])
            }
            _ => None,
        }
    }

    /// Multiplications for each number of its output, or what costs as much.
    fn products_each(&self, operator: &Operator) -> usize {
        match operator.operation {
            Operation::Convolution(..) => self.tensors[operator.inputs[1]].shape[1..].iter().product(),
            Operation::Depthwise(window, _) | Operation::MaxPool(window, _) => window.size[0] * window.size[1],
            _ => 1,
        }
    }
}

fn check_tensor(tensor: &Tensor) -> Result<(), &'static str> {
    let n = tensor.n_numbers();
    if tensor.shape.is_empty() || tensor.shape.len() > DIMENSIONS_MAX || n == 0 || n > NUMBERS_MAX {
        return Err("has a shape that no face detector needs");
    }
    match &tensor.constant {
        Some(numbers) if numbers.len() != n => Err("has another number of numbers than its shape says"),
        Some(numbers) if numbers.iter().any(|number| !number.is_finite()) => Err("holds numbers that are none"),
        _ => Ok(()),
    }
}

fn is_range([least, most]: Range) -> bool {
    least < most
}
