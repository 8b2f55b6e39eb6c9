//! Files of strangers: every reader is given damaged files and must refuse or read them, without a panic, a hang or more memory than it
//! promises. A share runs with the other tests; all of it:
//!
//! ```console
//! $ HOSTILE_INPUTS=1000000 cargo test --release -p awing-train --test hostile -- --ignored --nocapture damaged
//! ```
//!
//! `HOSTILE_SEED` gives other inputs, `HOSTILE_ONLY` names the readers. An input that breaks something is kept in the target folder.

// Outside of #[test] functions clippy does not see that this is a test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test"
)]

mod campaign;
mod found;
mod load;
mod memory;
mod mutator;
mod numbers;
mod pickles;
mod readers;
mod samples;
