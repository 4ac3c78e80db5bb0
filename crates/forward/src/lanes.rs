//! The chains of one sink, each in a lane of its own, as trust names them: one that is named from now on begins, one that
//! isn't any more ends, and one of which something else is trusted goes on with that.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use auditseal_delivery::{ParcelLimits, Selection, SinkUrl};
use auditseal_format::Origin;
use auditseal_reader::{Source, Window};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use crate::feed::{Outlet, Shares};
use crate::follow::{FollowOptions, Follower, stopped};
use crate::followed::{AcceptedChains, Archived, Followed};
use crate::lane::SinkLane;
use crate::ledger::Ledger;
use crate::options::ForwardOptions;

/// Parcels of a chain that wait for their sink.
const AHEAD: usize = 1;
/// How often what a sink has is made durable, where a line that is handed over twice is there once.
const COMMIT: Duration = Duration::from_secs(1);
/// Lines of a parcel.
pub(crate) const LINES: usize = 5000;

/// What all lanes of a sink have in common.
struct Common<'a> {
    place: &'a Archived,
    source: &'a Source,
    options: &'a ForwardOptions,
    url: &'a SinkUrl,
    sink: &'a SinkLane,
    shares: Shares,
}

/// A lane that was begun, and how it is told to end.
struct Begun {
    chain: Followed,
    stop: watch::Sender<bool>,
}

/// Hands all chains over to a sink: the chains of which something is left.
pub(crate) async fn run_lanes(
    place: &Archived,
    source: &Source,
    options: &ForwardOptions,
    (url, sink): (&SinkUrl, &SinkLane),
    stop: &watch::Receiver<bool>,
) -> Vec<Origin> {
    let shares = Shares::default();
    let common = Common { place, source, options, url, sink, shares };
    let committing = async {
        loop {
            tokio::time::sleep(COMMIT).await;
            sink.commit(Ledger::commit).await;
        }
    };
    tokio::select! {
        left = common.run(stop.clone()) => left,
        () = committing => Vec::new(),
    }
}

impl Common<'_> {
    async fn run(&self, mut stop: watch::Receiver<bool>) -> Vec<Origin> {
        let mut chains = self.options.chains.clone();
        let mut accepted = Arc::clone(&chains.borrow_and_update());
        let (mut begun, mut running) = (BTreeMap::<Origin, Begun>::new(), FuturesUnordered::new());
        let (mut left, mut stopping, mut changes) = (Vec::new(), false, !self.options.once);
        let mut begin: Vec<Followed> = accepted.chains().cloned().collect();
        loop {
            for chain in begin.drain(..) {
                let (go, lane_stop) = watch::channel(stopping);
                begun.insert(chain.origin.clone(), Begun { chain: chain.clone(), stop: go });
                running.push(self.lane(Arc::clone(&accepted), chain, lane_stop));
            }
            if running.is_empty() && (stopping || !changes) {
                return left;
            }
            tokio::select! {
                Some((origin, is_left)) = running.next() => {
                    let ended = begun.remove(&origin);
                    let told_to = ended.is_some_and(|lane| *lane.stop.borrow());
                    let again = accepted.chain(&origin).filter(|_| told_to && !stopping);
                    begin.extend(again.cloned());
                    if again.is_none() && told_to && !stopping {
                        self.sink.tally.forget(&origin);
                    }
                    if is_left {
                        left.push(origin);
                    }
                }
                () = stopped(&mut stop), if !stopping => {
                    stopping = true;
                    for lane in begun.values() {
                        lane.stop.send_replace(true);
                    }
                }
                changed = chains.changed(), if changes && !stopping => {
                    // Whoever could change it may be gone.
                    changes = changed.is_ok();
                    accepted = Arc::clone(&chains.borrow_and_update());
                    let (other, new) = changed_from(&begun, &accepted);
                    for lane in other {
                        lane.stop.send_replace(true);
                    }
                    begin = new;
                }
            }
        }
    }

    /// Hands one chain over, until it is to stop: whether something of it is left.
    async fn lane(
        &self,
        accepted: Arc<AcceptedChains>,
        chain: Followed,
        stop: watch::Receiver<bool>,
    ) -> (Origin, bool) {
        let (sink, origin, once) = (self.sink, &chain.origin, self.options.once);
        let (lane, at) = (sink.tally.lane(origin), origin.clone());
        let reached = sink.with_ledger(move |ledger| ledger.reached(&at)).await;
        let position = reached.map(|reached| reached.at);
        if let Some(sealed) = reached.and_then(|reached| reached.sealed) {
            lane.reached(sealed);
        }
        // Of a chain of which the sink has something, all that follows is wanted, however late it comes.
        let since = self.options.since.filter(|_| position.is_none());
        let follow = FollowOptions {
            window: Window { since, until: None },
            once,
            limits: ParcelLimits { bytes: self.url.request, lines: LINES },
            selection: Selection::new(self.options.predicate.clone(), since),
            readers: accepted.chains().len(),
        };
        let (to, parcels) = mpsc::channel(AHEAD);
        let outlet = Outlet::new(to, self.shares.clone(), position);
        let place = Archived { packs: accepted.packs.clone(), ..self.place.clone() };
        let read = (self.source, chain.root(&place));
        let follower = Follower::new(&chain, read, follow, outlet, (position, Arc::clone(&lane)));
        let following = follower.run(stop.clone());
        let (handed, ()) = tokio::join!(following, sink.deliver(origin, parcels, stop));
        let at = origin.clone();
        let settled = sink.with_ledger(move |ledger| ledger.reached(&at)).await;
        let state = lane.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left = !state.caught_up || handed != settled.map(|settled| settled.at);
        (chain.origin.clone(), once && left && state.blocked.is_none())
    }
}

/// The lanes that are to end, for their chain isn't named any more, or something else is trusted of it; and the chains
/// that begin.
fn changed_from<'a>(
    begun: &'a BTreeMap<Origin, Begun>,
    accepted: &'a AcceptedChains,
) -> (impl Iterator<Item = &'a Begun>, Vec<Followed>) {
    let same = |lane: &Begun| accepted.chain(&lane.chain.origin) == Some(&lane.chain);
    let new = accepted.chains().filter(|chain| !begun.contains_key(&chain.origin));
    (begun.values().filter(move |lane| !same(lane)), new.cloned().collect())
}
