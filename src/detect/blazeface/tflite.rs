//! Model files of TensorFlow Lite, as far as BlazeFace needs them: a [`Graph`] and its [`Form`] from the file's bytes. Pure.
//!
//! Only the operators of MediaPipe's face detectors are known. Weights of half precision and sparse ones become plain numbers when they are
//! read. Nothing of a file is believed: what it says of itself is checked against its length and against limits before anything is made of
//! it, and the graph is [checked](Graph::check) at the end.

use super::{
    decode::{Form, NUMBERS_PER_ANCHOR},
    graph::{ANY, Graph, NUMBERS_MAX, Operation, Operator, Range, Tensor, TensorId, Window},
};
use crate::plain_file;
use flatbuffer::{Broken, List, Table};
use std::{io::ErrorKind, path::Path};

mod flatbuffer;
mod sparse;

/// Largest file that is read; MediaPipe's have 1 MB.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most tensors and operators, each; MediaPipe's models have 600.
const THINGS_MAX: usize = 4096;
/// Longest list of dimensions, inputs or outputs.
const LIST_MAX: usize = 8;
/// Most numbers of all constants: a small file can name the same bytes again and again.
const CONSTANTS_MAX: usize = 16 << 20;

/// Where the fields of the tables stand; the names are those of TensorFlow's schema.
mod field {
    pub(super) const MODEL_OPERATOR_CODES: usize = 1;
    pub(super) const MODEL_SUBGRAPHS: usize = 2;
    pub(super) const MODEL_BUFFERS: usize = 4;
    pub(super) const CODE_OLD: usize = 0;
    pub(super) const CODE: usize = 3;
    pub(super) const GRAPH_TENSORS: usize = 0;
    pub(super) const GRAPH_INPUTS: usize = 1;
    pub(super) const GRAPH_OUTPUTS: usize = 2;
    pub(super) const GRAPH_OPERATORS: usize = 3;
    pub(super) const TENSOR_SHAPE: usize = 0;
    pub(super) const TENSOR_TYPE: usize = 1;
    pub(super) const TENSOR_BUFFER: usize = 2;
    pub(super) const TENSOR_SPARSITY: usize = 6;
    pub(super) const BUFFER_DATA: usize = 0;
    pub(super) const OPERATOR_CODE: usize = 0;
    pub(super) const OPERATOR_INPUTS: usize = 1;
    pub(super) const OPERATOR_OUTPUTS: usize = 2;
    pub(super) const OPERATOR_OPTIONS: usize = 4;
}

/// Why a file is no model that can be used: the second half of a sentence whose first one names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ModelError(pub String);

impl From<Broken> for ModelError {
    fn from(_: Broken) -> ModelError {
        ModelError("it is damaged or cut off".to_owned())
    }
}

/// A face detector, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it computes; checked. Its outputs are the boxes and the scores, in this order.
    pub graph: Graph,
    /// Its shape.
    pub form: Form,
}

impl Model {
    /// Reads a file's bytes.
    pub fn read(bytes: &[u8]) -> Result<Model, ModelError> {
        let Ok(file) = Table::root(bytes, b"TFL3") else {
            return Err(ModelError("it is no .tflite file, or nothing but the beginning of one".to_owned()));
        };
        let graphs = file.tables(field::MODEL_SUBGRAPHS)?;
        let (codes, buffers) = (file.tables(field::MODEL_OPERATOR_CODES)?, file.tables(field::MODEL_BUFFERS)?);
        if graphs.len() != 1 {
            return refuse(format!("it holds {} networks, and one is needed", graphs.len()));
        }
        let reading = Reading { file: graphs.table(0)?, codes, buffers, n_constants: 0, tensors: Vec::new(), shared: Vec::new() };
        let mut graph = reading.read()?;
        let form = form_of(&mut graph)?;
        graph.check().map_err(ModelError)?;
        Ok(Model { graph, form })
    }
}

/// The bytes of a model file; what is larger than a model is not read. The reason if not, as the second half of a sentence.
pub fn load(path: &Path) -> Result<Vec<u8>, String> {
    plain_file::read(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => format!("it has more than {} MiB", FILE_BYTES_MAX >> 20),
        _ => error.to_string(),
    })
}

fn refuse<T>(reason: String) -> Result<T, ModelError> {
    Err(ModelError(reason))
}

/// Which form a graph has, by the shapes of its input and its outputs; brings the outputs into order.
fn form_of(graph: &mut Graph) -> Result<Form, ModelError> {
    let shape = |id: &TensorId| graph.tensors.get(*id).map_or(&[][..], |tensor| &tensor.shape);
    for form in Form::ALL {
        if shape(&graph.input) != [1, form.size[1], form.size[0], 3] {
            continue;
        }
        let with = |numbers: usize| graph.outputs.iter().find(|id| shape(id) == [1, form.n_anchors(), numbers]).copied();
        if let (Some(boxes), Some(scores), 2) = (with(NUMBERS_PER_ANCHOR), with(1), graph.outputs.len()) {
            graph.outputs = vec![boxes, scores];
            return Ok(form);
        }
    }
    refuse("its input and outputs are not those of BlazeFace, full range or short range".to_owned())
}

/// What of a model is being read.
struct Reading<'a> {
    file: Table<'a>,
    codes: List<'a>,
    buffers: List<'a>,
    /// Numbers of all constants so far.
    n_constants: usize,
    tensors: Vec<Tensor>,
    /// The tensors as the file has them.
    shared: Vec<Source<'a>>,
}

/// A tensor of the file.
#[derive(Clone, Copy)]
struct Source<'a> {
    element: Element,
    /// Its numbers; empty where it is computed.
    data: &'a [u8],
    sparsity: Option<Table<'a>>,
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Single,
    Half,
    Int,
    Other,
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Element::Single | Element::Int => 4,
            Element::Half => 2,
            Element::Other => 1,
        }
    }
}

impl<'a> Reading<'a> {
    fn read(mut self) -> Result<Graph, ModelError> {
        let (tensors, steps) = (self.file.tables(field::GRAPH_TENSORS)?, self.file.tables(field::GRAPH_OPERATORS)?);
        if tensors.len() > THINGS_MAX || steps.len() > THINGS_MAX {
            return refuse("it has more tensors or operators than a face detector".to_owned());
        }
        for idx in 0..tensors.len() {
            let (tensor, source) = self.tensor(tensors.table(idx)?)?;
            self.tensors.push(tensor);
            self.shared.push(source);
        }
        let mut operators = Vec::new();
        for idx in 0..steps.len() {
            operators.extend(self.operator(steps.table(idx)?)?);
        }
        // Of the constants only what operators take by now is kept.
        let is_used = |id: TensorId| operators.iter().any(|operator: &Operator| operator.inputs.contains(&id));
        for id in 0..self.tensors.len() {
            if self.tensors[id].constant.is_some() && !is_used(id) {
                self.tensors[id] = Tensor { shape: vec![1], constant: None };
            }
        }
        let ids = |number| -> Result<Vec<TensorId>, ModelError> {
            Ok(self.file.ints(number, LIST_MAX)?.into_iter().map(|id| id as usize).collect())
        };
        let (inputs, outputs) = (ids(field::GRAPH_INPUTS)?, ids(field::GRAPH_OUTPUTS)?);
        let [input] = inputs[..] else { return refuse(format!("it has {} inputs, and one picture is all it gets", inputs.len())) };
        Ok(Graph { tensors: self.tensors, operators, input, outputs })
    }

    fn tensor(&self, table: Table<'a>) -> Result<(Tensor, Source<'a>), ModelError> {
        let mut shape = Vec::new();
        for length in table.ints(field::TENSOR_SHAPE, LIST_MAX)? {
            shape.push(usize::try_from(length).ok().filter(|length| (1..=NUMBERS_MAX).contains(length)).ok_or(Broken)?);
        }
        let element = match table.byte(field::TENSOR_TYPE)? {
            0 => Element::Single,
            1 => Element::Half,
            2 => Element::Int,
            _ => Element::Other,
        };
        let buffer = usize::try_from(table.int(field::TENSOR_BUFFER, 0)?).map_err(|_| Broken)?;
        let data = self.buffers.table(buffer)?.bytes(field::BUFFER_DATA)?;
        let sparsity = table.table(field::TENSOR_SPARSITY)?;
        // A shape without a length is a single number.
        let shape = if shape.is_empty() { vec![1] } else { shape };
        Ok((Tensor { shape, constant: None }, Source { element, data, sparsity }))
    }

    /// What the file says of one operator; `None` for one that is done once it is read.
    fn operator(&mut self, table: Table<'a>) -> Result<Option<Operator>, ModelError> {
        let code = self.code(table)?;
        let inputs = table.ints(field::OPERATOR_INPUTS, LIST_MAX)?;
        // -1 says that there is none.
        let inputs: Vec<TensorId> = inputs.into_iter().filter(|id| *id != -1).map(|id| id as usize).collect();
        let outputs = table.ints(field::OPERATOR_OUTPUTS, LIST_MAX)?;
        let [output] = outputs[..] else { return Err(Broken.into()) };
        let output = output as usize;
        if inputs.is_empty() || inputs.iter().chain([&output]).any(|id| *id >= self.tensors.len()) {
            return Err(Broken.into());
        }
        let options = Options(table.table(field::OPERATOR_OPTIONS)?);
        let operation = match code {
            code::DEQUANTIZE | code::DENSIFY => return self.fold(inputs[0], output).map(|()| None),
            code::CONV_2D => Operation::Convolution(self.window(options, [4, 5], inputs.get(1))?, options.range(3)?),
            code::DEPTHWISE_CONV_2D => Operation::Depthwise(self.window(options, [5, 6], inputs.get(1))?, options.range(4)?),
            code::MAX_POOL_2D => Operation::MaxPool(options.pool()?, options.range(5)?),
            code::RELU => Operation::Clamp([0.0, f32::INFINITY]),
            code::ADD => Operation::Add(options.range(0)?),
            code::PAD => self.pad(inputs.get(1))?,
            code::RESIZE_BILINEAR if options.flag(3)? && !options.flag(2)? => Operation::Resize,
            code::RESIZE_BILINEAR => return refuse("it resizes in a way that no face detector needs".to_owned()),
            code::RESHAPE => Operation::Reshape,
            code::CONCATENATION => self.concatenation(options, output)?,
            code::DEPTH_TO_SPACE => Operation::DepthToSpace(options.length(0)?),
            other => return refuse(format!("it has an operator that no BlazeFace has (number {other} of TensorFlow Lite)")),
        };
        let n_inputs = match operation {
            Operation::Convolution(..) | Operation::Depthwise(..) => 3,
            Operation::Add(_) => 2,
            Operation::Concatenate(_) => inputs.len(),
            _ => 1,
        };
        if inputs.len() < n_inputs {
            return refuse("it has an operator without its inputs".to_owned());
        }
        for id in &inputs[1..n_inputs] {
            self.settle(*id)?;
        }
        Ok(Some(Operator { operation, inputs: inputs[..n_inputs].to_vec(), output }))
    }

    /// What an operator is, by TensorFlow Lite's number. Old files have a byte for it, new ones a number.
    fn code(&self, operator: Table<'_>) -> Result<i32, ModelError> {
        let code = self.codes.table(usize::try_from(operator.int(field::OPERATOR_CODE, 0)?).map_err(|_| Broken)?)?;
        Ok(code.int(field::CODE, 0)?.max(i32::from(code.byte(field::CODE_OLD)?)))
    }

    /// Makes a tensor of plain numbers from another one.
    fn fold(&mut self, from: TensorId, to: TensorId) -> Result<(), ModelError> {
        self.settle(from)?;
        if self.tensors[from].constant.is_none() || self.tensors[from].shape != self.tensors[to].shape || from == to {
            return refuse("it has weights that are not part of the file".to_owned());
        }
        self.tensors[to].constant = self.tensors[from].constant.take();
        Ok(())
    }

    /// Reads a tensor's numbers, if it has some and they were not read yet.
    fn settle(&mut self, id: TensorId) -> Result<(), ModelError> {
        let (source, tensor) = (self.shared[id], &self.tensors[id]);
        if source.data.is_empty() || tensor.constant.is_some() {
            return Ok(());
        }
        let (n, written) = (tensor.n_numbers(), source.data.len() / source.element.bytes());
        self.n_constants = self.n_constants.saturating_add(n.max(written));
        if n > NUMBERS_MAX || self.n_constants > CONSTANTS_MAX {
            return refuse("it has more weights than ten of BlazeFace".to_owned());
        }
        if source.sparsity.is_none() && written != n {
            return Err(Broken.into());
        }
        let numbers: Vec<f32> = match source.element {
            Element::Single => source.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Element::Half => source.data.as_chunks::<2>().0.iter().map(|bytes| half(u16::from_le_bytes(*bytes))).collect(),
            Element::Int | Element::Other => return refuse("it has weights that are no floating-point numbers".to_owned()),
        };
        let dense = match source.sparsity {
            Some(sparsity) => sparse::densify(&numbers, &tensor.shape, sparsity)?,
            None => numbers,
        };
        self.tensors[id].constant = Some(dense);
        Ok(())
    }

    fn window(&self, options: Options<'_>, dilation: [usize; 2], filter: Option<&TensorId>) -> Result<Window, ModelError> {
        let shape = filter.map_or(&[][..], |id| &self.tensors[*id].shape);
        let [_, rows, columns, _] = *shape else { return Err(Broken.into()) };
        Ok(Window {
            size: [rows, columns],
            stride: [options.length(2)?, options.length(1)?],
            dilation: [options.length_or_1(dilation[1])?, options.length_or_1(dilation[0])?],
            is_padded: options.is_padded()?,
        })
    }

    /// Integers of a constant; none for a computed one.
    fn ints(&self, id: Option<&TensorId>) -> Vec<i32> {
        let source = id.map(|id| self.shared[*id]).filter(|source| source.element == Element::Int);
        source.map_or_else(Vec::new, |it| it.data.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    fn pad(&self, paddings: Option<&TensorId>) -> Result<Operation, ModelError> {
        let numbers = self.ints(paddings);
        let Ok(pairs) = <[i32; 8]>::try_from(numbers) else {
            return refuse("it pads by what is not part of the file".to_owned());
        };
        let (mut before, mut after) = ([0; 4], [0; 4]);
        for (axis, [first, last]) in pairs.as_chunks::<2>().0.iter().enumerate() {
            (before[axis], after[axis]) =
                (usize::try_from(*first).map_err(|_| Broken)?, usize::try_from(*last).map_err(|_| Broken)?);
        }
        Ok(Operation::Pad(before, after))
    }

    fn concatenation(&self, options: Options<'_>, output: TensorId) -> Result<Operation, ModelError> {
        let n = self.tensors[output].shape.len() as i32;
        let axis = options.number(0)?;
        let axis = usize::try_from(if axis < 0 { axis.saturating_add(n) } else { axis }).map_err(|_| Broken)?;
        if options.range(1)? == ANY { Ok(Operation::Concatenate(axis)) } else { Err(Broken.into()) }
    }
}

/// TensorFlow Lite's numbers of the operators.
mod code {
    pub(super) const ADD: i32 = 0;
    pub(super) const CONCATENATION: i32 = 2;
    pub(super) const CONV_2D: i32 = 3;
    pub(super) const DEPTHWISE_CONV_2D: i32 = 4;
    pub(super) const DEPTH_TO_SPACE: i32 = 5;
    pub(super) const DEQUANTIZE: i32 = 6;
    pub(super) const MAX_POOL_2D: i32 = 17;
    pub(super) const RELU: i32 = 19;
    pub(super) const RESHAPE: i32 = 22;
    pub(super) const RESIZE_BILINEAR: i32 = 23;
    pub(super) const PAD: i32 = 34;
    pub(super) const DENSIFY: i32 = 124;
}

/// The options of an operator; all defaults where there are none.
#[derive(Clone, Copy)]
struct Options<'a>(Option<Table<'a>>);

impl Options<'_> {
    fn number(self, number: usize) -> Result<i32, Broken> {
        self.0.map_or(Ok(0), |table| table.int(number, 0))
    }

    /// A length in pixels; what is no length becomes 0, which no check of a graph lets pass.
    fn length(self, number: usize) -> Result<usize, Broken> {
        Ok(usize::try_from(self.number(number)?).unwrap_or(0))
    }

    fn length_or_1(self, number: usize) -> Result<usize, Broken> {
        let length = self.0.map_or(Ok(1), |table| table.int(number, 1))?;
        Ok(usize::try_from(length).unwrap_or(0))
    }

    fn flag(self, number: usize) -> Result<bool, Broken> {
        Ok(self.0.map_or(Ok(0), |table| table.byte(number))? != 0)
    }

    fn is_padded(self) -> Result<bool, Broken> {
        Ok(!self.flag(0)?)
    }

    fn pool(self) -> Result<Window, Broken> {
        Ok(Window {
            size: [self.length(4)?, self.length(3)?],
            stride: [self.length(2)?, self.length(1)?],
            dilation: [1, 1],
            is_padded: self.is_padded()?,
        })
    }

    /// What an activation leaves of the numbers.
    fn range(self, number: usize) -> Result<Range, ModelError> {
        match self.0.map_or(Ok(0), |table| table.byte(number))? {
            0 => Ok(ANY),
            1 => Ok([0.0, f32::INFINITY]),
            3 => Ok([0.0, 6.0]),
            other => refuse(format!("it has an activation that no BlazeFace has (number {other} of TensorFlow Lite)")),
        }
    }
}

/// A number of half precision.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 31, f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent) - 15),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests;
