//! Narrower vectors than this processor's, so that one machine tests what others run.

use pulp::Arch;
use std::cell::Cell;

thread_local! {
    static WANTED: Cell<Option<Arch>> = const { Cell::new(None) };
}

pub(crate) fn wanted() -> Option<Arch> {
    WANTED.get()
}

/// A set of vector instructions that this processor has.
#[derive(Clone, Copy, Debug)]
pub struct InstructionSet(pub(crate) Arch);

/// Those of this processor, the slowest included.
pub fn instruction_sets() -> Vec<InstructionSet> {
    #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), expect(unused_mut))]
    let mut sets = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
        sets.extend(pulp::x86::V4::try_new().map(Arch::V4));
    }
    #[cfg(target_arch = "aarch64")]
    sets.extend(pulp::aarch64::Neon::try_new().map(Arch::Neon));
    sets.into_iter().map(InstructionSet).collect()
}

/// Runs `work` with these vectors, on two threads of their own where the crate has threads.
#[cfg(all(feature = "threads", not(target_family = "wasm")))]
#[expect(clippy::unwrap_used, reason = "for tests")]
pub fn with<R: Send>(set: InstructionSet, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| WANTED.set(Some(set.0)));
    pool.build().unwrap().install(work)
}

/// Runs `work` with these vectors, on two threads of their own where the crate has threads.
#[cfg(not(all(feature = "threads", not(target_family = "wasm"))))]
pub fn with<R>(set: InstructionSet, work: impl FnOnce() -> R) -> R {
    let before = WANTED.replace(Some(set.0));
    let result = work();
    WANTED.set(before);
    result
}
