//! Runs a graph with XNNPACK, on the calling thread. Nothing outside of this module knows XNNPACK.
//!
//! XNNPACK believes the shapes it is told; they are those of a [`Graph`] that was checked. It lays its own copy of the weights out for this
//! machine's processor and chooses its fastest kernels when it is asked for the first time.

#![expect(unsafe_code, reason = "XNNPACK is a C library")]

use super::{
    Answer, Network,
    decode::Form,
    graph::{Graph, Operation, Operator, TensorId, Window},
    tflite::Model,
};
use std::ptr;

mod sys;

/// Numbers behind the end of what XNNPACK reads: its kernels load whole vectors, and it allows itself up to 128 bytes beyond.
const EXTRA: usize = 32;

/// A model that XNNPACK has made ready.
pub struct Xnnpack {
    /// As the file has it.
    graph: Graph,
    form: Form,
    runtime: Runtime,
}

impl Xnnpack {
    /// Makes a model ready to run.
    pub fn new(model: Model) -> Result<Xnnpack, String> {
        Ok(Xnnpack { runtime: Runtime::new(&model.graph)?, form: model.form, graph: model.graph })
    }
}

impl Network for Xnnpack {
    fn form(&self) -> Form {
        self.form
    }

    fn resize(&mut self, form: Form) -> Result<(), String> {
        let [columns, rows] = form.size;
        if form != self.form
            && let Some(graph) = self.graph.over(rows, columns)
        {
            (self.runtime, self.form) = (Runtime::new(&graph)?, form);
        }
        Ok(())
    }

    fn input(&mut self) -> &mut [f32] {
        self.runtime.input()
    }

    fn run(&mut self) -> Result<Answer<'_>, String> {
        self.runtime.invoke()?;
        Ok(Answer { boxes: self.runtime.output(0), scores: self.runtime.output(1) })
    }
}

/// A graph, ready to run, with all memory that it is pointed at.
struct Runtime {
    handle: ptr::NonNull<sys::Runtime>,
    /// The input, then the outputs: how many numbers, and the numbers with some more behind them. XNNPACK holds pointers into them.
    values: Vec<(usize, Box<[f32]>)>,
    /// The constants with some more numbers behind them; XNNPACK may hold pointers into them.
    _constants: Vec<Vec<f32>>,
}

// SAFETY: XNNPACK's runtime belongs to no thread; it is only ever used through `&mut self`.
unsafe impl Send for Runtime {}

impl Runtime {
    /// A graph that [`Graph::check`] lets pass.
    fn new(graph: &Graph) -> Result<Runtime, String> {
        graph.check()?;
        // SAFETY: it takes no allocator, and may be called again and from several threads.
        ok("start", unsafe { sys::xnn_initialize(ptr::null()) })?;
        let mut constants = Vec::new();
        let subgraph = Subgraph::new(graph, &mut constants)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the subgraph is alive, no thread pool is this thread, and `handle` is written by it.
        ok("prepare the network", unsafe { sys::xnn_create_runtime_v2(subgraph.0, ptr::null_mut(), 0, &raw mut handle) })?;
        let handle = ptr::NonNull::new(handle).ok_or("XNNPACK made nothing of the network")?;
        let memory = |id: TensorId| vec![0.0; graph.tensors[id].n_numbers() + EXTRA].into_boxed_slice();
        let ends = [graph.input].into_iter().chain(graph.outputs.iter().copied());
        let values = ends.clone().map(|id| (graph.tensors[id].n_numbers(), memory(id))).collect();
        let mut runtime = Runtime { handle, values, _constants: constants };
        let mut externals = Vec::new();
        for (id, (_, numbers)) in ends.zip(&mut runtime.values) {
            let mut rest = &mut numbers[..];
            for part in parts(graph, id)? {
                externals.push(sys::ExternalValue { id: part as u32, data: rest.as_mut_ptr().cast() });
                rest = &mut rest[graph.tensors[part].n_numbers()..];
            }
        }
        // SAFETY: the list is as long as is said; its pointers lead to as many numbers as the graph says, and more behind the last of
        // them, which live as long as the runtime and do not move, for they are boxed.
        ok("take its memory", unsafe { sys::xnn_setup_runtime(handle.as_ptr(), externals.len(), externals.as_ptr()) })?;
        Ok(runtime)
    }

    fn input(&mut self) -> &mut [f32] {
        let (n, numbers) = &mut self.values[0];
        &mut numbers[..*n]
    }

    fn output(&self, idx: usize) -> &[f32] {
        let (n, numbers) = &self.values[idx + 1];
        &numbers[..*n]
    }

    fn invoke(&mut self) -> Result<(), String> {
        // SAFETY: the runtime is alive and set up; `&mut self` is the only user of it and of the memory that it reads and writes.
        ok("run", unsafe { sys::xnn_invoke_runtime(self.handle.as_ptr()) })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // SAFETY: made by `xnn_create_runtime_v2`, and deleted once.
        unsafe { sys::xnn_delete_runtime(self.handle.as_ptr()) };
    }
}

/// A graph as XNNPACK has it, before it is made ready.
struct Subgraph(*mut sys::Subgraph);

impl Drop for Subgraph {
    fn drop(&mut self) {
        // SAFETY: made by `xnn_create_subgraph`, and deleted once.
        unsafe { sys::xnn_delete_subgraph(self.0) };
    }
}

impl Subgraph {
    /// Tells XNNPACK of a graph; puts the constants that it points at into `constants`, which has to live as long as what is made of it.
    fn new(graph: &Graph, constants: &mut Vec<Vec<f32>>) -> Result<Subgraph, String> {
        let mut outputs = Vec::new();
        for output in &graph.outputs {
            outputs.extend(parts(graph, *output)?);
        }
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` is written by it.
        ok("begin a network", unsafe { sys::xnn_create_subgraph(graph.tensors.len() as u32, 0, &raw mut handle) })?;
        let subgraph = Subgraph(handle);
        for (id, tensor) in graph.tensors.iter().enumerate() {
            let is_used = graph.operators.iter().any(|operator| {
                !matches!(operator.operation, Operation::Concatenate(_)) && (operator.inputs.contains(&id) || operator.output == id)
            });
            if !is_used {
                continue;
            }
            let data = tensor.constant.as_ref().map_or(ptr::null(), |numbers| {
                let mut longer = numbers.clone();
                longer.resize(numbers.len() + EXTRA, 0.0);
                constants.push(longer);
                constants.last().map_or(ptr::null(), |numbers| numbers.as_ptr())
            });
            let flags = if id == graph.input {
                sys::EXTERNAL_INPUT
            } else if outputs.contains(&id) {
                sys::EXTERNAL_OUTPUT
            } else {
                0
            };
            let mut given = 0;
            // SAFETY: the shape is read during the call; the constant has as many numbers as the shape says (checked) and more, and its
            // heap memory outlives the runtime.
            let status = unsafe {
                let (n, shape) = (tensor.shape.len(), tensor.shape.as_ptr());
                sys::xnn_define_tensor_value(handle, sys::FLOAT, n, shape, data.cast(), id as u32, flags, &raw mut given)
            };
            ok("take a tensor", status)?;
        }
        for operator in graph.operators.iter().filter(|operator| !matches!(operator.operation, Operation::Concatenate(_))) {
            // SAFETY: the graph was checked, so all tensors are defined and have the shapes that the operator needs.
            ok("take an operator", unsafe { define(handle, graph, operator) })?;
        }
        Ok(subgraph)
    }
}

/// What lies one after the other in the memory of an input or output. XNNPACK of 2022 cannot concatenate; the parts of an output that is
/// concatenated are outputs themselves, written to where they belong.
fn parts(graph: &Graph, id: TensorId) -> Result<Vec<TensorId>, String> {
    let made_by = |id: TensorId| graph.operators.iter().find(|operator| operator.output == id);
    let Some(Operator { operation: Operation::Concatenate(axis), inputs, .. }) = made_by(id) else { return Ok(vec![id]) };
    let is_contiguous = graph.tensors[id].shape[..*axis].iter().all(|length| *length == 1);
    let is_written_once = |part: &TensorId| {
        let n_uses = inputs.iter().filter(|other| *other == part).count();
        n_uses == 1
            && !graph.outputs.contains(part)
            && made_by(*part).is_some_and(|it| !matches!(it.operation, Operation::Concatenate(_)))
    };
    let is_known = is_contiguous && inputs.iter().all(is_written_once);
    if is_known { Ok(inputs.clone()) } else { Err("it concatenates in a way that no BlazeFace does".to_owned()) }
}

/// What is padded above, to the right, below and to the left.
fn padding(window: Window, picture: &[usize]) -> [u32; 4] {
    let along =
        |axis: usize| window.along(axis, picture[axis + 1]).map_or((0, 0), |(_, before, after)| (before as u32, after as u32));
    let ((top, bottom), (left, right)) = (along(0), along(1));
    [top, right, bottom, left]
}

/// Tells XNNPACK of an operator.
///
/// # Safety
/// The subgraph is alive and knows the tensors of the graph, which was checked.
unsafe fn define(handle: *mut sys::Subgraph, graph: &Graph, operator: &Operator) -> sys::Status {
    let shape = |idx: usize| &graph.tensors[operator.inputs[idx]].shape;
    let input = |idx: usize| operator.inputs[idx] as u32;
    let output = operator.output as u32;
    let out = &graph.tensors[operator.output].shape;
    let pair = |[down, across]: [usize; 2]| (down as u32, across as u32);
    // SAFETY: as this function's; every pointer is to an array that lives during the call and is as long as is said.
    unsafe {
        match &operator.operation {
            Operation::Convolution(window, [least, most]) => {
                let [top, right, bottom, left] = padding(*window, shape(0));
                let ((down, across), (sy, sx), (dy, dx)) = (pair(window.size), pair(window.stride), pair(window.dilation));
                let (from, to, ids) = (shape(0)[3], out[3], (input(0), input(1), input(2)));
                sys::xnn_define_convolution_2d(
                    handle, top, right, bottom, left, down, across, sy, sx, dy, dx, 1, from, to, *least, *most, ids.0, ids.1,
                    ids.2, output, 0,
                )
            }
            Operation::Depthwise(window, [least, most]) => {
                let [top, right, bottom, left] = padding(*window, shape(0));
                let ((down, across), (sy, sx), (dy, dx)) = (pair(window.size), pair(window.stride), pair(window.dilation));
                let (channels, ids) = (shape(0)[3], (input(0), input(1), input(2)));
                sys::xnn_define_depthwise_convolution_2d(
                    handle, top, right, bottom, left, down, across, sy, sx, dy, dx, 1, channels, *least, *most, ids.0, ids.1,
                    ids.2, output, 0,
                )
            }
            Operation::MaxPool(window, [least, most]) => {
                let [top, right, bottom, left] = padding(*window, shape(0));
                let ((down, across), (sy, sx), (dy, dx)) = (pair(window.size), pair(window.stride), pair(window.dilation));
                sys::xnn_define_max_pooling_2d(
                    handle,
                    top,
                    right,
                    bottom,
                    left,
                    down,
                    across,
                    sy,
                    sx,
                    dy,
                    dx,
                    *least,
                    *most,
                    input(0),
                    output,
                    0,
                )
            }
            Operation::Add([least, most]) => sys::xnn_define_add2(handle, *least, *most, input(0), input(1), output, 0),
            Operation::Clamp([least, most]) => sys::xnn_define_clamp(handle, *least, *most, input(0), output, 0),
            Operation::Pad(before, after) => {
                sys::xnn_define_static_constant_pad(handle, before.as_ptr(), after.as_ptr(), 0.0, input(0), output, 0)
            }
            Operation::Resize => sys::xnn_define_static_resize_bilinear_2d(handle, out[1], out[2], input(0), output, 0),
            Operation::Reshape => sys::xnn_define_static_reshape(handle, out.len(), out.as_ptr(), input(0), output, 0),
            // Done by where the parts are written.
            Operation::Concatenate(_) => sys::UNSUPPORTED,
            Operation::DepthToSpace(block) => sys::xnn_define_depth_to_space(handle, input(0), output, *block as u32, 0),
        }
    }
}

/// What XNNPACK says.
fn ok(what: &str, status: sys::Status) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(format!("XNNPACK could not {what} (status {status})")) }
}

#[cfg(test)]
mod tests;
