//! Loops on threads: by rayon where the feature `threads` is on and the target has threads, and otherwise one task after another on the
//! thread that calls. Results do not depend on it.

use std::mem;
use std::sync::{Mutex, PoisonError};

#[cfg(all(feature = "threads", not(target_family = "wasm")))]
mod here {
    use rayon::{ThreadBuilder, ThreadPoolBuilder, prelude::*};
    use std::{
        io,
        sync::{Arc, Mutex, Once, PoisonError, mpsc},
        thread,
    };

    pub(super) fn start() {
        static STARTED: Once = Once::new();
        if rayon::current_thread_index().is_some() {
            return;
        }
        STARTED.call_once(|| {
            let named = std::env::var("RAYON_NUM_THREADS").ok().and_then(|count| count.parse().ok());
            let processors = || thread::available_parallelism().map_or(1, usize::from);
            let wanted = named.filter(|count| *count > 0).unwrap_or_else(processors);
            let (send, receive) = mpsc::channel();
            // Fails where the program has started them itself, which is as good.
            let _ = match started(wanted, receive) {
                0 => ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global(),
                count => ThreadPoolBuilder::new()
                    .num_threads(count)
                    .spawn_handler(|worker| send.send(worker).map_err(|_| io::ErrorKind::BrokenPipe.into()))
                    .build_global(),
            };
        });
    }

    /// Starts as many of the wanted threads as the system lets, each of which becomes a worker that it receives. Rayon itself, once it could not start
    /// one, starts none for the rest of the program.
    fn started(wanted: usize, workers: mpsc::Receiver<ThreadBuilder>) -> usize {
        let workers = Arc::new(Mutex::new(workers));
        let start = |_: &usize| {
            let workers = Arc::clone(&workers);
            let work = move || {
                let worker = workers.lock().unwrap_or_else(PoisonError::into_inner).recv();
                // There is none where the program has threads of its own.
                if let Ok(worker) = worker {
                    worker.run();
                }
            };
            thread::Builder::new().spawn(work).is_ok()
        };
        (0..wanted).take_while(start).count()
    }

    pub(super) fn each(count: usize, least: usize, work: &(dyn Fn(usize) + Sync)) {
        // Waking a thread for nothing costs more than the call.
        if count <= least {
            (0..count).for_each(work);
        } else {
            start();
            (0..count).into_par_iter().with_min_len(least.max(1)).for_each(work);
        }
    }

    pub(super) fn both<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        start();
        rayon::join(first, second)
    }

    pub(super) fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
        start();
        rayon::scope(|_| work())
    }

    pub(super) fn count() -> usize {
        start();
        rayon::current_num_threads()
    }
}

#[cfg(not(all(feature = "threads", not(target_family = "wasm"))))]
mod here {
    pub(super) fn start() {}

    pub(super) fn each(count: usize, _: usize, work: &dyn Fn(usize)) {
        (0..count).for_each(work);
    }

    pub(super) fn both<A, B>(first: impl FnOnce() -> A, second: impl FnOnce() -> B) -> (A, B) {
        (first(), second())
    }

    pub(super) fn inside<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    pub(super) fn count() -> usize {
        1
    }
}

/// Starts rayon's threads where nobody has started them: as many as there are processors, or `RAYON_NUM_THREADS`, and fewer where the system
/// allows no more, down to the thread that calls. Rayon itself panics there. The loops of this crate call it; who uses rayon beside them calls it
/// first.
pub fn start() {
    here::start();
}

/// What `work` makes of each task, in order; a thread takes `least` tasks or more at a time.
pub fn map<T: Send, R: Send>(tasks: Vec<T>, least: usize, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    // A thread finds its task by number, behind a lock that nobody else asks for: the loop over threads is compiled once instead of once for
    // every kind of task, which is half of this crate's machine code.
    let places: Vec<_> = tasks.into_iter().map(|task| Mutex::new(Place::Task(task))).collect();
    here::each(places.len(), least, &|number| {
        let mut place = places[number].lock().unwrap_or_else(PoisonError::into_inner);
        if let Place::Task(task) = mem::replace(&mut *place, Place::Taken) {
            *place = Place::Result(work(task));
        }
    });
    let results = places.into_iter().map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.filter_map(|place| if let Place::Result(result) = place { Some(result) } else { None }).collect()
}

/// Does `work` for each task; a thread takes `least` tasks or more at a time.
pub fn each<T: Send>(tasks: Vec<T>, least: usize, work: impl Fn(T) + Sync + Send) {
    map(tasks, least, work);
}

/// Where a task lies until a thread puts its result there.
enum Place<T, R> {
    Task(T),
    Taken,
    Result(R),
}

/// Both, side by side where another thread has nothing to do.
pub fn both<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    here::both(first, second)
}

/// Runs `work` on one of the threads, so that its many short parallel parts need not wake them from outside.
pub fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    here::inside(work)
}

/// How many threads share the work.
pub fn count() -> usize {
    here::count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let squares: Vec<usize> = map((0..1000).collect(), 3, |i: usize| i * i);
        assert!(squares.iter().enumerate().all(|(i, square)| *square == i * i) && squares.len() == 1000);
        assert_eq!(both(|| 1, || "two"), (1, "two"));
        assert!(count() >= 1);
    }
}
