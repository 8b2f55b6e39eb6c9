//! Gives damaged files to all readers and judges what they do.

use crate::{
    memory::{Allocated, measured},
    mutator::Mutator,
    readers::{self, Reader},
};
use std::{
    cell::Cell,
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Breaks that are told in full.
const TOLD: usize = 40;
/// Breaks after which a reader is not tried any more.
const ENOUGH: usize = 25;

static PANICS: AtomicUsize = AtomicUsize::new(0);
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Counts panics, those that a dependency catches too, and keeps those of readers off the screen.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Relaxed);
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string().replace('\n', " ");
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
}

/// What a reader did with one file.
pub(crate) struct Outcome {
    /// Whether it was accepted; `Err` is what it must not do.
    pub(crate) accepted: Result<bool, String>,
    pub(crate) took: Duration,
    pub(crate) allocated: Allocated,
}

/// Has the reader read `bytes`.
pub(crate) fn tried(reader: &Reader, bytes: &[u8]) -> Outcome {
    watch_panics();
    fs::write(&reader.file, bytes).unwrap();
    let (fixed, times) = reader.most;
    let (outcome, allocated) = measured(|| {
        let (panics, begun) = (PANICS.load(Relaxed), Instant::now());
        QUIET.set(true);
        let accepted = catch_unwind(AssertUnwindSafe(|| (reader.read)(&reader.file)));
        QUIET.set(false);
        (accepted.ok(), begun.elapsed(), PANICS.load(Relaxed) - panics)
    });
    let (accepted, took, panics) = outcome;
    let most = fixed + times * bytes.len();
    let accepted = match accepted {
        _ if panics > 0 => Err(LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        Some(_) if allocated.peak > most => Err(format!(
            "{} bytes held, {most} promised for a file of {}; largest piece {}",
            allocated.peak,
            bytes.len(),
            allocated.largest
        )),
        Some(accepted) => Ok(accepted),
        None => Err("panicked".to_owned()),
    };
    Outcome { accepted, took, allocated }
}

/// Sums over the files that one reader was given.
#[derive(Default)]
struct Tally {
    inputs: usize,
    accepted: usize,
    slowest: Duration,
    most: Allocated,
    /// Peak as a multiple of the file, at files of 4 KiB and more.
    times: f64,
    broken: Vec<String>,
}

/// Gives `inputs` files to the readers, each its share; the table of what they did. Panics where one broke.
fn campaign(inputs: usize, seed: u64, only: Option<&str>, aloud: bool) {
    let base = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    let all = readers::all(base.path());
    let chosen = all.iter().filter(|reader| only.is_none_or(|only| reader.name.contains(only)));
    let mut table = format!(
        "{:<22}{:>9}{:>10}{:>9}{:>12}{:>11}{:>14}{:>8}{:>8}\n",
        "reader", "inputs", "accepted", "refused", "slowest ms", "peak KiB", "largest KiB", "times", "broken"
    );
    let mut total = Tally::default();
    for (number, reader) in chosen.enumerate() {
        for valid in &reader.valid {
            let fine = tried(reader, valid).accepted;
            assert_eq!(fine, Ok(true), "{}: the file before its damage", reader.name);
        }
        let tally =
            tally(reader, (inputs * reader.share).div_ceil(1_000_000), seed ^ ((number as u64) << 48), &kept);
        let row = line(reader.name, &tally);
        if aloud {
            print!("{}{row}", if number == 0 { table.as_str() } else { "" });
        }
        table += &row;
        total.inputs += tally.inputs;
        total.accepted += tally.accepted;
        total.slowest = total.slowest.max(tally.slowest);
        total.most.peak = total.most.peak.max(tally.most.peak);
        total.most.largest = total.most.largest.max(tally.most.largest);
        total.broken.extend(tally.broken);
    }
    if aloud {
        println!("{}", line("all", &total));
    }
    let told = total.broken.iter().take(TOLD).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        total.broken.is_empty(),
        "{} broke, the inputs are in {}:\n{told}\n{table}",
        total.broken.len(),
        kept.display()
    );
}

fn line(name: &str, tally: &Tally) -> String {
    let mut line = String::new();
    let Tally { inputs, accepted, slowest, most, times, broken } = tally;
    let _ = writeln!(
        line,
        "{name:<22}{inputs:>9}{accepted:>10}{:>9}{:>12.1}{:>11}{:>14}{times:>8.0}{:>8}",
        inputs - accepted,
        1e3 * slowest.as_secs_f64(),
        most.peak >> 10,
        most.largest >> 10,
        broken.len()
    );
    line
}

fn tally(reader: &Reader, inputs: usize, seed: u64, kept: &Path) -> Tally {
    let mut tally = Tally::default();
    for number in 0..inputs as u64 {
        let bytes = Mutator::new(seed.wrapping_add(number)).damaged(&reader.valid, reader.text);
        let outcome = tried(reader, &bytes);
        tally.inputs += 1;
        tally.slowest = tally.slowest.max(outcome.took);
        tally.most.peak = tally.most.peak.max(outcome.allocated.peak);
        tally.most.largest = tally.most.largest.max(outcome.allocated.largest);
        if bytes.len() >= 4096 {
            tally.times = tally.times.max(outcome.allocated.peak as f64 / bytes.len() as f64);
        }
        match outcome.accepted {
            Ok(accepted) => tally.accepted += usize::from(accepted),
            Err(problem) => {
                fs::create_dir_all(kept).unwrap();
                let name = format!("{}-{number}", reader.name.replace(' ', "-"));
                fs::write(kept.join(&name), &bytes).unwrap();
                tally.broken.push(format!("{name}: {problem}"));
                if tally.broken.len() == ENOUGH {
                    break;
                }
            }
        }
    }
    tally
}

#[test]
fn a_share_of_the_damaged_files() {
    campaign(5_000, 1, None, false);
}

#[test]
#[ignore = "minutes: HOSTILE_INPUTS says how many files"]
fn all_damaged_files() {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let inputs = usize::try_from(number("HOSTILE_INPUTS", 100_000)).unwrap();
    let only = std::env::var("HOSTILE_ONLY").ok();
    campaign(inputs, number("HOSTILE_SEED", 2), only.as_deref(), true);
}
