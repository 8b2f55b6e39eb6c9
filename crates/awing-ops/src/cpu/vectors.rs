use pulp::{Arch, WithSimd};

/// Runs `work` with the widest vectors of this processor, which is found out when the program runs.
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    #[cfg(test)]
    if let Some(arch) = narrower::wanted() {
        return arch.dispatch(work);
    }
    Arch::new().dispatch(work)
}

/// The vector instructions of this processor that the kernels use: "AVX-512", "AVX2", "NEON", or "no vectors".
pub fn instruction_set() -> &'static str {
    match Arch::new() {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        _ => "no vectors",
    }
}

/// Floats in this processor's vectors.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// Narrower vectors than this processor's, so that one machine tests what others run.
#[cfg(test)]
pub(crate) mod narrower {
    use pulp::Arch;
    use std::cell::Cell;

    thread_local! {
        static WANTED: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    pub(super) fn wanted() -> Option<Arch> {
        WANTED.get()
    }

    /// Those of this processor, the slowest included.
    pub(crate) fn instruction_sets() -> Vec<Arch> {
        let mut sets = vec![Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
            sets.extend(pulp::x86::V4::try_new().map(Arch::V4));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(pulp::aarch64::Neon::try_new().map(Arch::Neon));
        sets
    }

    /// Runs `work` on threads of their own that use this one.
    pub(crate) fn with<R: Send>(set: Arch, work: impl FnOnce() -> R + Send) -> R {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| WANTED.set(Some(set)));
        pool.build().unwrap().install(work)
    }
}
