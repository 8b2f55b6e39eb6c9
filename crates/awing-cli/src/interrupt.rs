//! Ctrl-C, SIGTERM and SIGHUP: the first one ends work cleanly that can be, a second Ctrl-C ends the program; without such work the first one does.

use crate::console::Console;
use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Set by the first signal.
static STOP: AtomicBool = AtomicBool::new(false);
/// How the work ends that can be stopped cleanly, where there is some.
static ENDS: Mutex<Option<&str>> = Mutex::new(None);

fn ends() -> std::sync::MutexGuard<'static, Option<&'static str>> {
    ENDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does work that ends early and cleanly when the flag it is given is set; `end` says where: "after this step with a checkpoint".
pub(crate) fn stoppable<T>(
    console: &Console,
    end: &'static str,
    work: impl FnOnce(&'static AtomicBool) -> T,
) -> T {
    if let Err(problem) = listen() {
        console.warn(format!("Ctrl-C will end the command at once: {problem}"));
    }
    *ends() = Some(end);
    let result = work(&STOP);
    *ends() = None;
    result
}

/// Answers a signal; `again` ends the program with `code` when it is not the first.
fn heard(again: bool, code: i32) {
    let Some(end) = *ends() else { std::process::exit(code) };
    if !STOP.swap(true, Ordering::Relaxed) {
        Console::new(false).warn(format!("stopping {end}; Ctrl-C now ends at once"));
    } else if again {
        std::process::exit(code);
    }
}

#[cfg(unix)]
fn listen() -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if hangs_up() {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            // A terminal that closes sends SIGHUP twice, and schedulers repeat SIGTERM: they do not mean "at once".
            heard(signal == SIGINT, 128 + signal);
        }
    })?;
    Ok(())
}

/// Whether a closing terminal shall end the program. `nohup` has it ignore SIGHUP so that it outlives the terminal, which a handler would
/// undo; only Linux says what is ignored.
#[cfg(unix)]
fn hangs_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is signal 1, the lowest bit.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 0)
}

#[cfg(not(unix))]
fn listen() -> io::Result<()> {
    ctrlc::set_handler(|| heard(true, 130)).map_err(io::Error::other)
}
