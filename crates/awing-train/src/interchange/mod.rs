//! Networks from and for other frameworks: PyTorch's state dicts in, ONNX and state dicts out.

mod names;
mod onnx;
mod protobuf;
mod pytorch_file;
mod state_dict;

pub use onnx::{OnnxOptions, write_onnx};
pub use state_dict::{ImportOptions, Imported, import_state_dict, write_state_dict};
