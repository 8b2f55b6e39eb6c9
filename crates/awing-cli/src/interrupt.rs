//! Ctrl-C: the first one ends training cleanly, the second one ends the program; without training the first one does.

use crate::console::Console;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);
/// Whether there is training to stop cleanly.
static TRAINING: AtomicBool = AtomicBool::new(false);

/// Does work that ends early and cleanly when the flag it is given is set.
pub(crate) fn stoppable<T>(console: &Console, work: impl FnOnce(&'static AtomicBool) -> T) -> T {
    let heard = ctrlc::set_handler(|| {
        if !TRAINING.load(Ordering::Relaxed) || STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        Console::new(false).warn("stopping after this step with a checkpoint; Ctrl-C again ends at once");
    });
    if let Err(problem) = heard {
        console.warn(format!("Ctrl-C will end the run without a checkpoint: {problem}"));
    }
    TRAINING.store(true, Ordering::Relaxed);
    let result = work(&STOP);
    TRAINING.store(false, Ordering::Relaxed);
    result
}
