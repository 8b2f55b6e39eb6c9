//! Loops on threads: by rayon where the feature `threads` is on and the target has threads, and otherwise one task after another on the
//! thread that calls. Results do not depend on it.

#[cfg(all(feature = "threads", not(target_family = "wasm")))]
mod here {
    use rayon::prelude::*;

    pub(super) fn map<T: Send, R: Send>(
        tasks: Vec<T>,
        least: usize,
        work: impl Fn(T) -> R + Sync + Send,
    ) -> Vec<R> {
        // Waking a thread for nothing costs more than the call.
        if tasks.len() <= least {
            return tasks.into_iter().map(work).collect();
        }
        tasks.into_par_iter().with_min_len(least.max(1)).map(work).collect()
    }

    pub(super) fn both<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        rayon::join(first, second)
    }

    pub(super) fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
        rayon::scope(|_| work())
    }

    pub(super) fn count() -> usize {
        rayon::current_num_threads()
    }
}

#[cfg(not(all(feature = "threads", not(target_family = "wasm"))))]
mod here {
    pub(super) fn map<T, R>(tasks: Vec<T>, _: usize, work: impl Fn(T) -> R) -> Vec<R> {
        tasks.into_iter().map(work).collect()
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

/// What `work` makes of each task, in order; a thread takes `least` tasks or more at a time.
pub fn map<T: Send, R: Send>(tasks: Vec<T>, least: usize, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    here::map(tasks, least, work)
}

/// Does `work` for each task; a thread takes `least` tasks or more at a time.
pub fn each<T: Send>(tasks: Vec<T>, least: usize, work: impl Fn(T) + Sync + Send) {
    here::map(tasks, least, work);
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
