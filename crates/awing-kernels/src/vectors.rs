use pulp::{Arch, Simd, WithSimd};

/// Runs `work` with the widest vectors of this processor, which is found out when the program runs.
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    arch().dispatch(work)
}

/// Runs `work` compiled for the widest vectors of this processor: plain loops in it, and what it calls that is `#[inline(always)]`, work on as
/// many values at once as the compiler finds a way to.
///
/// ```
/// let mut values = [1.0_f32, 2.0, 3.0];
/// awing_kernels::vectorized(|| values.iter_mut().for_each(|v| *v *= 2.0));
/// assert_eq!(values, [2.0, 4.0, 6.0]);
/// ```
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    arch().dispatch(work)
}

/// What [`dispatch`] runs with on this thread.
pub(crate) fn arch() -> Arch {
    #[cfg(any(test, feature = "narrower"))]
    if let Some(arch) = crate::narrower::wanted() {
        return arch;
    }
    Arch::new()
}

/// The vector instructions of this processor that the kernels use: "AVX-512", "AVX2", "NEON", "SIMD128", or "no vectors".
pub fn instruction_set() -> &'static str {
    match Arch::new() {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        #[cfg(target_arch = "wasm32")]
        Arch::Simd128(_) => "SIMD128",
        _ => "no vectors",
    }
}

/// Floats in this processor's vectors.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// Whether there are registers for the larger of two tiles. In a browser nobody knows the processor: it may have 16.
pub(crate) fn many_registers<S: Simd>() -> bool {
    S::REGISTER_COUNT >= 32 && cfg!(not(target_family = "wasm"))
}
