use std::cell::Cell;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether the operations of this thread run by their definitions.
pub(crate) fn wanted() -> bool {
    ON.get()
}

/// Runs `work` with every operation of this crate by its portable definition, where otherwise the CPU would use a kernel
/// of its own: to hold the one against the other, over a whole network or a training. Holds for what this thread calls.
///
/// ```
/// use awing_ops::{by_definition, halve};
/// use burn::tensor::{Device, Tensor};
///
/// let maps = Tensor::<4>::from_data([[[[1.0_f32], [2.0]], [[3.0], [6.0]]]], &Device::flex());
/// assert_eq!(by_definition(|| halve(maps.clone())).into_data(), halve(maps).into_data());
/// ```
pub fn by_definition<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }
    let _restore = Restore(ON.replace(true));
    work()
}
