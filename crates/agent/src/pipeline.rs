//! The daemon on one screen.
//!
//! The [`Shipper`] decides, without performing anything; [`Hands`] performs, without deciding
//! anything. The order in which actions come out of `step` is the commit protocol:
//!
//! 1. `Look` at the source and `Pack` what was found: compressed, hashed, decoded again.
//! 2. `Commit` the sealed object into the spool, fsynced. **The point of no return**: from here on
//!    these bytes, and no others, are this seq of the chain.
//! 3. `Put` it, create-only, one object of a chain at a time and in order: the bucket never has a
//!    hole. Anything but success is settled by `ReadBack`.
//! 4. `Discard` it once its successor is stored too.
//!
//! A crash anywhere goes on from what the spool holds: see `start.rs`.

use auditseal_shipper::{Action, End, Input, Shipper};
use tokio::sync::watch;

use crate::Error;
use crate::hands::Hands;
use crate::source::Content;

/// Runs one chain until it ends; `None`: it is to start again, for the store has more of it than
/// the node.
///
/// # Errors
/// What can't be retried: the state directory or the source can't be used at all.
pub(crate) async fn run(
    mut shipper: Shipper<Content>,
    hands: &mut Hands,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<End>, Error> {
    let mut input = Input::Wake;
    loop {
        for action in shipper.step(input, hands.now()) {
            match action {
                Action::Look(limit) => hands.look(limit),
                Action::Pack(job) => hands.pack(job),
                Action::Commit(key, sealed) => hands.commit(key, sealed),
                Action::Put(key) => hands.put(key),
                Action::ReadBack(key) => hands.read_back(key),
                Action::Discard(key) => hands.discard(key),
                Action::Report(report) => hands.report(&report),
                Action::FindHead(known) => hands.find_head(known),
                Action::Restart => return Ok(None),
                Action::End(end) => return Ok(Some(end)),
            }
        }
        input = hands.next(shipper.deadline(), &mut stop).await?;
    }
}
