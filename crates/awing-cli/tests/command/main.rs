//! Runs the built command as a user does.

// Outside of #[test] functions clippy does not see that this is a test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "this is a test")]

mod ablate;
mod bad_input;
mod bench;
mod builtin;
mod comfort;
mod cycle;
mod data;
mod detect;
mod formats;
mod json;
#[cfg(unix)]
mod kills;
mod load;
mod paths;
mod shared;
#[cfg(unix)]
mod trouble;
mod video;
