use super::batch::{Batch, Batcher};
use crate::error::Result;
use std::{
    ops::Range,
    sync::mpsc::{Receiver, sync_channel},
    thread::Scope,
};

/// Batches that wait for the network, at most.
const AHEAD: usize = 2;

/// Makes the batches of `steps` on a thread of their own, a few ahead. It ends when the receiver is dropped.
pub(super) fn batches<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    batcher: &'env Batcher<'env>,
    steps: Range<usize>,
) -> Receiver<Result<Batch>> {
    let (sender, receiver) = sync_channel(AHEAD);
    scope.spawn(move || {
        for step in steps {
            if sender.send(batcher.make(step)).is_err() {
                break;
            }
        }
    });
    receiver
}
