//! All cases on one server, and those that need more of it than one open store.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::{Attack, Done, Failed, Report, attacked, fails_as, require, run};
use auditseal_store::Retention;
use auditseal_store::{BucketLock, Versioning};
use auditseal_store::{Error, Kind};
use auditseal_store::{LockMode, Store};

/// How long what is asked to be locked is locked.
const ASKED: Duration = Duration::from_secs(2 * 86_400);

/// What a put asks for: a retention, a legal hold.
pub type Asked = (Option<Retention>, bool);

/// Opens a store below a prefix, for puts that ask for this.
pub type Open<'a> = &'a dyn Fn(&str, Asked) -> Result<Arc<dyn Store>, Error>;

/// A server to be tried.
pub struct Bench<'a> {
    /// Opens the store below a prefix of the server's URL, for puts that ask for this.
    pub open: Open<'a>,
    /// Attacks the object at a key below the prefix `attacked`.
    pub attack: &'a mut dyn FnMut(Attack, &str) -> bool,
    /// Moves the object at a key below the prefix `tier` to a tier from which it must be restored;
    /// none where that can't be done.
    pub archive: Option<&'a dyn Fn(&str)>,
    /// A store in a bucket that isn't there, or why it can't be asked about one.
    pub missing: Result<Arc<dyn Store>, &'static str>,
    /// More objects than a page of its listings holds.
    pub many: usize,
    /// How the bucket was set to lock; none where it can't.
    pub lock: Option<BucketLock>,
}

impl fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// Runs every case; each is in the report, whatever the server can do.
///
/// # Errors
/// When the store can't even be opened.
pub async fn suite(bench: Bench<'_>) -> Result<Report, Error> {
    let plain = |below: &str| (bench.open)(below, (None, false));
    let mut report = run(&*plain("plain")?).await;
    let mut attack = |what, key: &str| (bench.attack)(what, key);
    report.cases.extend(attacked(&*plain("attacked")?, &mut attack).await.cases);
    report.add("a lock as asked", asked(bench.open).await);
    report.add("page after page", pages(&*plain("pages")?, bench.many).await);
    report.add("settings", settings(&*plain("settings")?, bench.lock.as_ref()).await);
    report.add("a missing bucket", missing(bench.missing).await);
    report.add("an archive tier", tier(&*plain("tier")?, bench.archive).await);
    Ok(report)
}

fn cannot(why: impl Into<String>) -> Result<Done, Failed> {
    Ok(Done::Cannot(why.into()))
}

/// Each object gets a lock of its own, and is as create-only as ever.
async fn asked(open: Open<'_>) -> Result<Done, Failed> {
    let mut notes = Vec::new();
    for (at, compliance) in [false, true].into_iter().enumerate() {
        let retention = Some(Retention { compliance, duration: ASKED });
        // Not every store takes a legal hold with a put, or anything beside the bytes.
        let opened = [true, false].map(|hold| (open("asked", (retention, hold)), hold));
        let opened = opened.into_iter().find(|(opened, _)| opened.is_ok());
        let Some((Ok(store), hold)) = opened else { return cannot("a put takes no lock") };
        if !hold && at == 0 {
            notes.push("a put takes no legal hold".to_owned());
        }
        let key = format!("locked-as-asked/{at}");
        let before = SystemTime::now();
        let put = store.put_new(&key, Bytes::from_static(b"x")).await;
        let version = match put {
            Ok(stored) => stored.version,
            Err(error) if at == 0 && error.kind() == Kind::Other => {
                return cannot(format!("the store refuses it: {error}"));
            }
            Err(error) => return Err(error.into()),
        };
        let lock = store.lock(&key, version.as_deref()).await?;
        let mode = if compliance { LockMode::Compliance } else { LockMode::Governance };
        if at == 0 && lock.mode == LockMode::None {
            return cannot("the store takes the request, and locks nothing");
        }
        require((lock.mode, lock.legal_hold) == (mode, hold), &format!("it is {lock:?}"))?;
        let until = lock.until.unwrap_or(0);
        // Some of them tell whole seconds.
        let shortest = micros(before + ASKED) - 1_000_000;
        require(until >= shortest, &format!("{until} is short of what was asked"))?;
        let longest = micros(SystemTime::now() + ASKED) + 1_000_000;
        require(until <= longest, &format!("{until} is far beyond what was asked"))?;
        let read = store.get(&key, version.as_deref(), 9).await?;
        require(read.bytes == "x", "its bytes are others")?;
        let again = store.put_new(&key, Bytes::from_static(b"y")).await;
        fails_as(again, Kind::AlreadyExists, "a put over it")?;
    }
    Ok(Done::Passed(notes))
}

async fn pages(store: &dyn Store, many: usize) -> Result<Done, Failed> {
    let keys: BTreeSet<String> = (0..many).map(|at| format!("many/a b+{at}")).collect();
    let puts = keys.iter().map(|key| store.put_new(key, Bytes::from_static(b"x")));
    let puts: Vec<_> = futures::stream::iter(puts).buffer_unordered(8).try_collect().await?;
    require(puts.len() == keys.len(), "not all could be put")?;
    let found: Vec<_> = store.list("many").try_collect().await?;
    require(found.len() == many, &format!("it lists {} of {many} objects", found.len()))?;
    let found: BTreeSet<_> = found.into_iter().map(|info| info.key).collect();
    require(found == keys, "it lists other objects")?;
    let found: Vec<_> = store.versions("many").try_collect().await?;
    require(found.len() == many, &format!("it lists {} of {many} versions", found.len()))?;
    let found: BTreeSet<_> = found.into_iter().map(|version| version.key).collect();
    require(found == keys, "it lists versions of other objects")?;
    Ok(Done::Passed(Vec::new()))
}

async fn settings(store: &dyn Store, lock: Option<&BucketLock>) -> Result<Done, Failed> {
    let facts = store.facts().await;
    let Some(expected) = lock else {
        let claims = facts.lock.as_ref().is_ok_and(|lock| lock.mode != LockMode::None);
        require(!claims, &format!("it claims {:?}", facts.lock))?;
        return cannot("the store has no lock to tell of");
    };
    let found = facts.lock?;
    require(found == *expected, &format!("its lock is {found:?}"))?;
    let skew = facts.time?.store - micros(SystemTime::now());
    require(skew.abs() < 60_000_000, &format!("its clock is {skew} microseconds off"))?;
    let mut notes = Vec::new();
    match facts.versioning {
        Ok(versioning) => {
            require(versioning == Versioning::On, &format!("versioning is {versioning:?}"))?;
        }
        Err(error) => notes.push(format!("versioning: {}", error.kind().name())),
    }
    match facts.lifecycle {
        Ok(rules) => require(rules.is_empty(), &format!("it has {rules:?}"))?,
        Err(error) => notes.push(format!("lifecycle: {}", error.kind().name())),
    }
    Ok(Done::Passed(notes))
}

/// Nothing is put: some servers make the bucket for a writer who is their administrator.
async fn missing(store: Result<Arc<dyn Store>, &'static str>) -> Result<Done, Failed> {
    let store = match store {
        Ok(store) => store,
        Err(why) => return cannot(why),
    };
    fails_as(store.get("k", None, 10).await, Kind::NoBucket, "a get")?;
    fails_as(store.tail("k", None, 10).await, Kind::NoBucket, "a tail")?;
    fails_as(store.stream("k", None).await.map(|_| ()), Kind::NoBucket, "a stream")?;
    let listed = store.list("").try_collect::<Vec<_>>().await;
    fails_as(listed, Kind::NoBucket, "a listing")?;
    Ok(Done::Passed(Vec::new()))
}

async fn tier(store: &dyn Store, archive: Option<&dyn Fn(&str)>) -> Result<Done, Failed> {
    let Some(archive) = archive else { return cannot("the store has none") };
    let version = store.put_new("cold/1", Bytes::from_static(b"x")).await?.version;
    archive("cold/1");
    let read = store.get("cold/1", version.as_deref(), 9).await;
    fails_as(read, Kind::Archived, "a get of it")?;
    let listed: Vec<_> = store.versions("cold").try_collect().await?;
    require(listed.iter().all(|version| version.archived), "the listing doesn't tell")?;
    store.lock("cold/1", version.as_deref()).await?;
    Ok(Done::Passed(Vec::new()))
}

/// Microseconds since the Unix epoch; 0 before it.
fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
