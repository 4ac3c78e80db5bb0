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

use auditseal_format::ObjectKey;
use auditseal_shipper::{Action, Input, Shipper};
use tokio::sync::watch;

use crate::Error;
use crate::hands::{Content, Hands};

/// Why a pipeline ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything is sealed and stored.
    Done,
    /// A one-shot was told to stop before it had read the source to its end.
    Stopped,
    /// The store accepted nothing for too long; everything sealed is in the spool.
    GaveUp(String),
    /// Another writer has our key: nothing more may be signed.
    Forked(ObjectKey, String),
    /// Go on from this object, which stands where ours should.
    Adopt(ObjectKey, Vec<u8>),
    /// Go on past this key in a new epoch.
    Pass(ObjectKey, u32),
}

/// Runs one chain until it ends.
///
/// # Errors
/// What can't be retried: the state directory or the source can't be used at all.
pub(crate) async fn run(
    mut shipper: Shipper<Content>,
    hands: &mut Hands,
    mut stop: watch::Receiver<bool>,
) -> Result<End, Error> {
    let mut input = Input::Wake;
    loop {
        for action in shipper.step(input, hands.now()) {
            match action {
                Action::Look(limit) => hands.look(limit),
                Action::Pack(job) => hands.pack(job),
                Action::Commit(key, sealed) => hands.commit(key, sealed),
                Action::Put(key) => hands.put(key),
                Action::ReadBack(key) => hands.read_back(key),
                Action::Discard(key) => hands.discard(key)?,
                Action::Report(report) => hands.report(&report),
                Action::Adopt(key, object) => return Ok(End::Adopt(key, object)),
                Action::Pass(key, epoch) => return Ok(End::Pass(key, epoch)),
                Action::Fork(key, why) => return Ok(End::Forked(key, why)),
                Action::GiveUp(why) => return Ok(End::GaveUp(why)),
                Action::Done => return Ok(End::Done),
                Action::Stopped => return Ok(End::Stopped),
            }
        }
        input = hands.next(shipper.deadline(), &mut stop).await?;
    }
}
