//! Counts what is allocated: the peak, and the largest piece, of a stretch of work.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

thread_local! {
    /// Other tests that run beside this one do not count; the readers work on the thread that called them.
    static MEASURING: Cell<bool> = const { Cell::new(false) };
}

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);
/// There is one count: one measurement at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// More than any reader may ask for; the machine is not to suffer from one that does.
const REFUSED: usize = 6 << 30;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn shrink(size: usize) {
    if MEASURING.get() {
        // What was there before may go, too.
        let _ = NOW.fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_sub(size)));
    }
}

fn grow(size: usize) {
    if !MEASURING.get() {
        return;
    }
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
        shrink(layout.size());
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
        shrink(if moved.is_null() { size } else { layout.size() });
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
    // What was there before may be let go in between.
    const BEFORE: usize = 1 << 30;
    NOW.store(BEFORE, Relaxed);
    PEAK.store(BEFORE, Relaxed);
    LARGEST.store(0, Relaxed);
    MEASURING.set(true);
    let done = work();
    MEASURING.set(false);
    let peak = PEAK.load(Relaxed) - BEFORE;
    (done, Allocated { peak, largest: LARGEST.load(Relaxed) })
}
