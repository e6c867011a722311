//! What of `xnnpack.h` is used, by hand: the header of Debian 12 (February 2022) needs another one that its package does not bring, and
//! these functions have kept their parameters in all versions since.

use std::ffi::c_void;

/// `enum xnn_status`; 0 is success.
pub(super) type Status = u32;

/// `xnn_status_unsupported_parameter`.
pub(super) const UNSUPPORTED: Status = 4;
/// `xnn_datatype_fp32`.
pub(super) const FLOAT: u32 = 1;
/// `XNN_VALUE_FLAG_EXTERNAL_INPUT`.
pub(super) const EXTERNAL_INPUT: u32 = 1;
/// `XNN_VALUE_FLAG_EXTERNAL_OUTPUT`.
pub(super) const EXTERNAL_OUTPUT: u32 = 2;

/// `struct xnn_subgraph`.
#[repr(C)]
pub(super) struct Subgraph {
    _opaque: [u8; 0],
}

/// `struct xnn_runtime`.
#[repr(C)]
pub(super) struct Runtime {
    _opaque: [u8; 0],
}

/// `struct xnn_external_value`.
#[repr(C)]
pub(super) struct ExternalValue {
    pub(super) id: u32,
    pub(super) data: *mut c_void,
}

unsafe extern "C" {
    pub(super) fn xnn_initialize(allocator: *const c_void) -> Status;
    pub(super) fn xnn_create_subgraph(n_externals: u32, flags: u32, subgraph: *mut *mut Subgraph) -> Status;
    pub(super) fn xnn_delete_subgraph(subgraph: *mut Subgraph) -> Status;
    pub(super) fn xnn_create_runtime_v2(
        subgraph: *mut Subgraph,
        threads: *mut c_void,
        flags: u32,
        runtime: *mut *mut Runtime,
    ) -> Status;
    pub(super) fn xnn_setup_runtime(runtime: *mut Runtime, n: usize, values: *const ExternalValue) -> Status;
    pub(super) fn xnn_invoke_runtime(runtime: *mut Runtime) -> Status;
    pub(super) fn xnn_delete_runtime(runtime: *mut Runtime) -> Status;
    pub(super) fn xnn_define_tensor_value(
        subgraph: *mut Subgraph,
        datatype: u32,
        n_dimensions: usize,
        shape: *const usize,
        data: *const c_void,
        external_id: u32,
        flags: u32,
        id: *mut u32,
    ) -> Status;
    pub(super) fn xnn_define_convolution_2d(
        subgraph: *mut Subgraph,
        top: u32,
        right: u32,
        bottom: u32,
        left: u32,
        rows: u32,
        columns: u32,
        stride_rows: u32,
        stride_columns: u32,
        dilation_rows: u32,
        dilation_columns: u32,
        groups: u32,
        group_inputs: usize,
        group_outputs: usize,
        least: f32,
        most: f32,
        input: u32,
        filter: u32,
        bias: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_depthwise_convolution_2d(
        subgraph: *mut Subgraph,
        top: u32,
        right: u32,
        bottom: u32,
        left: u32,
        rows: u32,
        columns: u32,
        stride_rows: u32,
        stride_columns: u32,
        dilation_rows: u32,
        dilation_columns: u32,
        multiplier: u32,
        channels: usize,
        least: f32,
        most: f32,
        input: u32,
        filter: u32,
        bias: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_max_pooling_2d(
        subgraph: *mut Subgraph,
        top: u32,
        right: u32,
        bottom: u32,
        left: u32,
        rows: u32,
        columns: u32,
        stride_rows: u32,
        stride_columns: u32,
        dilation_rows: u32,
        dilation_columns: u32,
        least: f32,
        most: f32,
        input: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_add2(
        subgraph: *mut Subgraph,
        least: f32,
        most: f32,
        first: u32,
        second: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_clamp(subgraph: *mut Subgraph, least: f32, most: f32, input: u32, output: u32, flags: u32) -> Status;
    pub(super) fn xnn_define_static_constant_pad(
        subgraph: *mut Subgraph,
        before: *const usize,
        after: *const usize,
        value: f32,
        input: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_static_resize_bilinear_2d(
        subgraph: *mut Subgraph,
        rows: usize,
        columns: usize,
        input: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_static_reshape(
        subgraph: *mut Subgraph,
        n_dimensions: usize,
        shape: *const usize,
        input: u32,
        output: u32,
        flags: u32,
    ) -> Status;
    pub(super) fn xnn_define_depth_to_space(subgraph: *mut Subgraph, input: u32, output: u32, block: u32, flags: u32) -> Status;
}
