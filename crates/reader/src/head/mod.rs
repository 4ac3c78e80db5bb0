//! The head of a chain, and the way back from it: for whoever continues the chain.
//!
//! ```text
//!   Pass: a listing, part by part ──▶ Window: its top ──▶ Ahead: their seals ──▶ Search: the head
//!     ▲                                                                              │
//!     └────── nothing that was kept is ours: what is below that ◀────────────────────┘
//! ```
//!
//! A chain may have millions of objects, and whoever may put has put others above it: so a listing is
//! never held, only its top; and an error of the store costs a part of a listing, not all of it.

mod ahead;
mod days;
mod found;
mod judged;
mod pass;
mod question;
mod search;
mod walk;
mod window;

use std::sync::Arc;

use auditseal_format::{Date, Origin, VerifierKey};
use auditseal_store::Store;

use crate::error::Error;
pub use days::Days;
pub use found::{Before, Found, HeadFound};
pub use judged::Judged;
pub use question::Question;
pub use walk::walk_back;

/// Finds the head of a chain: the rightly signed note of the highest seq. `None` if the store lists
/// no such note, whatever else it lists.
///
/// Never "the newest date": one seal from a clock in 2099 would win. Hidden or shadowed, an object
/// counts as any other: whoever went on below a hidden head would sign its seq a second time.
///
/// # Errors
/// [`Error::Store`] for every answer that the store didn't give: a failed listing is never an
/// empty one. [`Error::Found`] where going on would make a second history: `FORK` for two different
/// signed notes at the highest seq, `REORDERED` when a later note stands at another's key.
pub async fn find_head(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
) -> Result<Option<HeadFound>, Error> {
    Ok(find_chain(store, origin, vkeys).await?.head)
}

/// The same, and whether another key began a chain of that name, as far as ours has just begun, or
/// hasn't.
///
/// # Errors
/// As [`find_head`].
pub async fn find_chain(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
) -> Result<Found, Error> {
    Question::new(store, origin, vkeys, &Judged::default()).answer().await
}

/// The same for a node that has objects of the chain itself: its oldest one's key names the first of
/// these days, and the key of the next one, not made yet, the second. What is older is known. So a
/// start costs a listing of some days, however old the chain is.
///
/// What another process made after them has a key in one of these folders, or a later one: the first
/// of it, where it should be, is met even if it is hidden. Only if that one is gone for good, and
/// the clock was set back by more than two days for all behind it, it isn't found.
///
/// # Errors
/// As [`find_head`].
pub async fn find_newest(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
    days: (Date, Date),
) -> Result<Found, Error> {
    Question::new(store, origin, vkeys, &Judged::default()).from(days).answer().await
}
