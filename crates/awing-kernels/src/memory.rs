//! Memory for large maps that is used again. A training step makes and drops the same hundreds of megabytes each time; fresh
//! from the operating system, each page of them costs more than the arithmetic on it.

use std::sync::{Mutex, PoisonError};

/// Buffers of fewer floats go to the allocator, which keeps such memory itself.
const SMALLEST: usize = 16 * 1024;

/// Buffers that nobody uses, the oldest first.
static FREE: Mutex<Free> = Mutex::new(Free { buffers: Vec::new(), floats: 0, in_use: 0, most_in_use: 0 });

struct Free {
    buffers: Vec<Vec<f32>>,
    /// In `buffers`.
    floats: usize,
    in_use: usize,
    most_in_use: usize,
}

impl Free {
    /// The smallest buffer of `len` to `most` floats, or a new one of `len`.
    fn take(&mut self, len: usize, most: usize) -> Vec<f32> {
        let best = (0..self.buffers.len())
            .filter(|&i| (len..=most).contains(&self.buffers[i].len()))
            .min_by_key(|&i| self.buffers[i].len());
        let found = best.map(|i| self.buffers.remove(i));
        self.floats -= found.as_ref().map_or(0, Vec::len);
        self.in_use += found.as_ref().map_or(len, Vec::len);
        self.most_in_use = self.most_in_use.max(self.in_use);
        // What lies idle together with what is in use stays below the most that was ever in use at once.
        while self.floats > 0 && self.floats + self.in_use > self.most_in_use {
            let oldest = self.buffers.remove(0);
            self.floats -= oldest.len();
        }
        found.unwrap_or_else(|| vec![0.0; len])
    }
}

/// `len` floats of any value, for a result that will be written as a whole.
pub fn take(len: usize) -> Vec<f32> {
    if len < SMALLEST {
        return vec![0.0; len];
    }
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    // A buffer that wastes more than a quarter only where there is no room for a new one.
    let room = free.most_in_use.saturating_sub(free.in_use + free.floats);
    free.take(len, if room < len { usize::MAX } else { len + len / 4 })
}

/// As [`take`], for what will be kept for long: never much longer than asked for.
pub fn take_to_keep(len: usize) -> Vec<f32> {
    if len < SMALLEST {
        return vec![0.0; len];
    }
    FREE.lock().unwrap_or_else(PoisonError::into_inner).take(len, len + len / 4)
}

/// Gives a buffer of [`take`] back.
pub fn give(buffer: Vec<f32>) {
    if buffer.len() >= SMALLEST {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.in_use = free.in_use.saturating_sub(buffer.len());
        free.floats += buffer.len();
        free.buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_the_next_of_its_size() {
        // A length of this test alone: the pool serves all tests at once.
        let buffer = take(1_434_577);
        let start = buffer.as_ptr();
        give(buffer);
        let again = take(1_434_500);
        assert_eq!((again.as_ptr(), again.len()), (start, 1_434_577));
        give(again);
    }
}
