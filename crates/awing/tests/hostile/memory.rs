//! Counts what is allocated: the peak, and the largest piece, of a stretch of work.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);
/// The counts are of the whole process: one measurement at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// More than any reader may ask for; the machine is not to suffer from one that does.
const REFUSED: usize = 6 << 30;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn grow(size: usize) {
    let now = NOW.fetch_add(size, Relaxed) + size;
    PEAK.fetch_max(now, Relaxed);
    LARGEST.fetch_max(size, Relaxed);
}

#[allow(unsafe_code, reason = "the system's allocator with a count; nothing in it depends on the pointers")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > REFUSED {
            return std::ptr::null_mut();
        }
        grow(layout.size());
        // SAFETY: as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > REFUSED {
            return std::ptr::null_mut();
        }
        grow(layout.size());
        // SAFETY: as it came.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as it came.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > REFUSED {
            return std::ptr::null_mut();
        }
        // Old and new may be there at once.
        grow(size);
        // SAFETY: as it came.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        NOW.fetch_sub(if moved.is_null() { size } else { layout.size() }, Relaxed);
        moved
    }
}

/// What a stretch of work allocated, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocated {
    /// The most that was held at once.
    pub(crate) peak: usize,
    /// The largest piece.
    pub(crate) largest: usize,
}

/// Does the work alone and tells what it allocated.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    LARGEST.store(0, Relaxed);
    let done = work();
    let peak = PEAK.load(Relaxed).saturating_sub(before);
    (done, Allocated { peak, largest: LARGEST.load(Relaxed) })
}
