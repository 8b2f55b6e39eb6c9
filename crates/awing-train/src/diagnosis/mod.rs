//! Whether everything works on this machine: what `awing doctor` tells.
//!
//! Each check gives a [`Finding`]: what was found, and where something is wrong what to do. None of them needs a file or leaves one.

mod kernels;
mod machine;
mod self_test;

pub use kernels::{check_device, check_kernels};
pub use machine::{check_folder, check_memory, check_processor, check_program};
pub use self_test::{check_detectors, check_models};

use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It works.
    Ok,
    /// Something is missing that can be done without.
    Note,
    /// awing does not work as it should.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at: "memory".
    pub name: &'static str,
    /// How it came out.
    pub state: State,
    /// What was found, in a few words.
    pub found: String,
    /// What to do about it; always there where `state` is not [`State::Ok`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), remedy: None }
    }

    /// Something can be done without, and is not there.
    pub fn note(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Note, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// Something that awing needs does not work.
    pub fn failed(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, state: State::Failed, found: found.into(), remedy: Some(remedy.into()) }
    }
}
