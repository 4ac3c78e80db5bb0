//! Whether the store does what is relied on: that it refuses a second put at a key, and that what
//! it has stored is locked as policy demands.
//!
//! Neither stops what is under way for want of an answer: a store that can't say is no reason to
//! leave lines on a disk that the attacker may have.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auditseal_format::{ObjectKey, Origin, Time};
use auditseal_shipper::Backoff;
use auditseal_store::{Canary, Held, Kind, Lock, LockMode, Retention, Store, canary};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use crate::clock::nanos;
use crate::lock::locked;
use crate::progress::{ChainProgress, add};
use crate::{Error, ErrorKind, Mode, Settings};

/// Lock checks of a chain under way at most: a store that answers puts and lets these hang must not
/// take memory without bound.
const MAX_CHECKS: usize = 64;
/// How often one lock is asked for, when the store isn't reached.
const ATTEMPTS: u32 = 3;

/// What is asked of the store beside storing.
pub(crate) struct Guard {
    store: Arc<dyn Store>,
    /// The object that the canary puts once more, if it is there.
    genesis: String,
    live: bool,
    allow_overwrite: bool,
    required: Option<Retention>,
    backoff: Backoff,
    progress: Arc<ChainProgress>,
    /// Whether an object of the chain is known to be stored: then the store is there, and so is the
    /// genesis, for uploads go in order, unless it was lost since.
    stored: AtomicBool,
    /// What the canary said, once it has been tried; an error is a refusal.
    tried: OnceCell<Result<(), Error>>,
    checks: Mutex<JoinSet<()>>,
    /// Why locks couldn't be read, as far as it was said.
    causes: Arc<Mutex<BTreeSet<&'static str>>>,
    /// When this was made: what is said again is said by the time since.
    began: Instant,
}

impl Guard {
    pub(crate) fn new(
        settings: &Settings,
        origin: &Origin,
        store: &Arc<dyn Store>,
        backoff: Backoff,
        progress: &Arc<ChainProgress>,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            genesis: ObjectKey::genesis(origin.clone()).to_string(),
            live: settings.mode == Mode::Live,
            allow_overwrite: settings.allow_overwrite,
            required: settings.require_retention,
            backoff,
            progress: Arc::clone(progress),
            stored: AtomicBool::new(false),
            tried: OnceCell::new(),
            checks: Mutex::default(),
            causes: Arc::default(),
            began: Instant::now(),
        }
    }

    /// Takes note that an object of the chain is stored, `sent` by this process or found; says
    /// whether the canary is now to be tried beside everything else. A one-shot that has nothing to
    /// upload asks nothing of the store.
    pub(crate) fn stored(&self, sent: bool) -> bool {
        let first = !self.stored.swap(true, Ordering::Relaxed);
        first && (sent || self.live)
    }

    /// Tries the canary, once per start, as soon as the store has something to try it with: the
    /// genesis, or, where that is lost, `kept`, the newest object that it is known to have. Until then,
    /// and for a store that can't say, it is no obstacle.
    ///
    /// # Errors
    /// The store puts over objects, and nobody has allowed that.
    pub(crate) async fn pass(&self, kept: Option<&ObjectKey>) -> Result<(), Error> {
        if !self.stored.load(Ordering::Relaxed) {
            return Ok(());
        }
        let tried = self.tried.get_or_try_init(|| async {
            let found = match canary(self.store.as_ref(), &self.genesis).await {
                Canary::Unchecked(error) if error.kind() == Kind::NotFound => {
                    let kept = kept.ok_or(Untried)?.to_string();
                    (canary(self.store.as_ref(), &kept).await, kept)
                }
                found => (found, self.genesis.clone()),
            };
            Ok::<_, Untried>(self.judge(found))
        });
        tried.await.cloned().unwrap_or(Ok(()))
    }

    /// The canary's refusal, if it was tried and did.
    pub(crate) fn refusal(&self) -> Result<(), Error> {
        self.tried.get().cloned().unwrap_or(Ok(()))
    }

    fn judge(&self, (found, key): (Canary, String)) -> Result<(), Error> {
        match found {
            Canary::Honoured => debug!(key, "the store refuses to put over an object"),
            Canary::Ignored { version } if self.allow_overwrite => error!(
                key,
                version = version.as_deref(),
                "the store puts over objects: a second writer would fork the chain unnoticed, \
                 and without versions destroy objects; allowed by --allow-overwrite-store"
            ),
            Canary::Ignored { .. } => {
                let why = format!(
                    "it took a second put at {key}: it ignores If-None-Match, so two writers \
                     would fork the chain unnoticed"
                );
                return Err(Error::new(ErrorKind::Usage, "rely on the store", why).hint(
                    "use a store that honours create-only puts; or accept the risk with \
                     --allow-overwrite-store",
                ));
            }
            Canary::Unchecked(error) => warn!(
                hint = error.hint(),
                "couldn't prove that the store refuses to put over an object: {error}; next \
                 attempt at the next start"
            ),
        }
        Ok(())
    }

    /// Begins to check the lock of a version that was put at `put`, if one is demanded.
    pub(crate) fn check_lock(&self, key: &ObjectKey, version: Option<String>, put: Time) {
        let Some(required) = self.required else { return };
        let check = Check {
            store: Arc::clone(&self.store),
            key: key.to_string(),
            version,
            demand: Demand { required, put },
            backoff: self.backoff,
            progress: Arc::clone(&self.progress),
            causes: Arc::clone(&self.causes),
            began: self.began,
        };
        let mut checks = locked(&self.checks);
        while checks.try_join_next().is_some() {}
        if checks.len() < MAX_CHECKS {
            checks.spawn(check.run());
        } else {
            check.unknown("behind", "too many are under way", None);
        }
    }

    /// Waits for the lock checks that are under way: a one-shot for all of them, for its exit code
    /// says what came of them; the daemon for `patience`, for it was told to stop.
    pub(crate) async fn settle(&self, patience: Duration) {
        let mut checks = std::mem::take(&mut *locked(&self.checks));
        let all = async { while checks.join_next().await.is_some() {} };
        if !self.live {
            return all.await;
        }
        if tokio::time::timeout(patience, all).await.is_err() {
            add(&self.progress.lock_unknown, checks.len() as u64);
            warn!(left = checks.len(), "stopped before every lock was checked");
        }
    }
}

/// There is nothing to try the canary with yet.
struct Untried;

/// The check of one version's lock.
struct Check {
    store: Arc<dyn Store>,
    key: String,
    version: Option<String>,
    demand: Demand,
    backoff: Backoff,
    progress: Arc<ChainProgress>,
    causes: Arc<Mutex<BTreeSet<&'static str>>>,
    began: Instant,
}

impl Check {
    async fn run(self) {
        let version = self.version.as_deref();
        for attempt in 1.. {
            match self.store.lock(&self.key, version).await {
                Ok(lock) => return self.judge(&lock),
                Err(error) if attempt < ATTEMPTS && may_pass(error.kind()) => {
                    tokio::time::sleep(Duration::from_nanos(self.backoff.wait(attempt))).await;
                }
                Err(error) => {
                    let cause = error.kind().name();
                    return self.unknown(cause, &error.to_string(), error.hint());
                }
            }
        }
    }

    fn judge(&self, lock: &Lock) {
        let (key, version) = (&self.key, self.version.as_deref());
        match self.demand.required.judge(lock, self.demand.put.micros()) {
            Held::Enough => debug!(key, version, found = show(lock), "locked as demanded"),
            Held::Short(_) => {
                add(&self.progress.lock_shortfalls, 1);
                let (found, demanded) = (show(lock), self.demand.to_string());
                let what = "the lock falls short of what is demanded";
                // Where the bucket's policy is wrong, every object's lock is.
                let now = nanos(self.began.elapsed());
                let course = self.progress.facts().said.locks.met(what, now);
                if let Some(course) = course {
                    error!(key, version, found, demanded, "{what}{course}");
                }
            }
            Held::Untold => {
                let hint = "check the container's policy with the cloud's own tools, or lock each \
                            object with --retention";
                self.unknown("undisclosed", "the store doesn't tell until when", Some(hint));
            }
        }
    }

    /// Said once per cause, or it would be said with every object; counted each time.
    fn unknown(&self, cause: &'static str, why: &str, hint: Option<&str>) {
        let counter: &AtomicU64 = &self.progress.lock_unknown;
        add(counter, 1);
        let (key, version) = (&self.key, self.version.as_deref());
        if locked(&self.causes).insert(cause) {
            warn!(key, version, hint, "couldn't check the lock: {why}; said once, tried each time");
        }
    }
}

/// Whether asking once more may help.
fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Timeout | Kind::Unavailable | Kind::Other)
}

/// What policy demands of the lock of one version.
struct Demand {
    required: Retention,
    /// When it was put.
    put: Time,
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let until = Time::from_micros(self.required.until(self.put.micros()));
        write!(f, "{} until {until}", name(self.required.mode()))
    }
}

fn show(lock: &Lock) -> String {
    let mut shown = match (lock.mode, lock.until) {
        (LockMode::None, _) => "no lock".to_owned(),
        (mode, None) => name(mode).to_owned(),
        (mode, Some(until)) => format!("{} until {}", name(mode), Time::from_micros(until)),
    };
    if lock.legal_hold {
        shown.push_str(", and a legal hold");
    }
    shown
}

fn name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::None => "none",
        LockMode::Undisclosed => "a policy of the container",
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_demanded_and_found_is_told() {
        let duration = Duration::from_secs(365 * 86_400);
        let put = Time::from_micros(1_795_000_000_000_000);
        let demand = Demand { required: Retention { compliance: true, duration }, put };
        assert_eq!(demand.to_string(), "COMPLIANCE until 2027-11-18T11:06:40.000000Z");
        assert_eq!(show(&Lock { legal_hold: true, ..Lock::NONE }), "no lock, and a legal hold");
    }
}
