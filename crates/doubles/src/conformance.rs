//! What every [`Store`] must do, checked against any of them: for tests and for trying a server.
//!
//! The same cases run on the doubles and on real servers, so that neither a double nor a server's
//! imitation of S3 can drift from what the commit protocol relies on.

mod attack;
mod attacked;
mod marks;
mod report;
mod suite;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};

use auditseal_store::{Canary, canary};
use auditseal_store::{Error, Kind};
use auditseal_store::{LockMode, ObjectInfo, Store, Version};

pub use attack::{Attack, SHADOW};
pub use attacked::attacked;
pub use report::{Case, Outcome, Report};
pub use suite::{Asked, Bench, Open, suite};

/// Size of the large object, bytes: more than a batch, and than any client's buffer.
const LARGE: usize = 20 * 1024 * 1024;

/// Checks a store whose prefix holds nothing yet; it leaves its objects behind, for they may be
/// undeletable.
pub async fn run(store: &dyn Store) -> Report {
    let plain = |outcome: Result<(), Failed>| outcome.map(|()| Done::Passed(Vec::new()));
    let mut report = Report::default();
    report.add("an empty prefix", plain(empty_prefix(store).await));
    report.add("put once", plain(put_once(store).await));
    report.add("absent objects", plain(absent(store).await));
    report.add("the end of an object", plain(tails(store).await));
    report.add("a part of an object", plain(ranges(store).await));
    report.add("limits", plain(limits(store).await));
    report.add("an empty object", plain(empty_object(store).await));
    report.add("listing", plain(listing(store).await));
    report.add("refused keys", plain(refused_keys(store).await));
    report.add("racing writers", plain(racing_writers(store).await));
    report.add("a large object", plain(large_object(store).await));
    report.add("versions", versions(store).await);
    report.add("locks", locks(store).await);
    report.add("marks", marks::marks(store).await);
    report.add("the canary", plain(create_only(store).await));
    report
}

pub(crate) struct Failed(String);

/// How a case ended that didn't fail: with what is worth saying, or with why the store can't be
/// held to it.
enum Done {
    Passed(Vec<String>),
    Cannot(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(format!("{error} ({:?})", error.kind()))
    }
}

fn require(holds: bool, why: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed(why.to_owned())) }
}

fn fails_as<T>(outcome: Result<T, Error>, kind: Kind, what: &str) -> Result<(), Failed> {
    match outcome {
        Ok(_) => Err(Failed(format!("{what} succeeded"))),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => {
            Err(Failed(format!("{what} must fail as {kind:?}, not {:?}: {error}", error.kind())))
        }
    }
}

/// Bytes that don't compress and that a shift or a cut changes.
fn noise(length: usize, mut seed: u64) -> Bytes {
    let mut bytes = BytesMut::with_capacity(length + 8);
    while bytes.len() < length {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes.extend_from_slice(&seed.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.freeze()
}

async fn keys(store: &dyn Store, prefix: &str) -> Result<Vec<String>, Failed> {
    let found: Vec<ObjectInfo> = store.list(prefix).try_collect().await?;
    let mut keys: Vec<String> = found.into_iter().map(|info| info.key).collect();
    keys.sort();
    Ok(keys)
}

async fn empty_prefix(store: &dyn Store) -> Result<(), Failed> {
    let found = keys(store, "").await?;
    require(found.is_empty(), "the store isn't empty: use a prefix of its own")?;
    require(keys(store, "no/such").await?.is_empty(), "a listing of nothing isn't empty")
}

async fn put_once(store: &dyn Store) -> Result<(), Failed> {
    let key = "once/cluster=c.1/node=n-1/date=1970-01-01/000000000000.e1.jsonl.zst";
    let first = noise(1000, 7);
    store.put_new(key, first.clone()).await?;
    let again = store.put_new(key, first.clone()).await;
    fails_as(again, Kind::AlreadyExists, "a second put of the same bytes")?;
    let other = store.put_new(key, noise(1000, 8)).await;
    fails_as(other, Kind::AlreadyExists, "a put of other bytes")?;
    let fetched = store.get(key, None, 1000).await?;
    require(fetched.bytes == first, "the bytes read aren't the first ones put")?;
    require(fetched.info.key == key, "the key read isn't the key put")?;
    require(fetched.info.size == 1000, "the size isn't that of the object")
}

async fn absent(store: &dyn Store) -> Result<(), Failed> {
    store.put_new("absent/here", noise(3, 1)).await?;
    for key in ["absent/there", "absent/her", "absent", "nowhere/at/all", "absent/here/below"] {
        fails_as(store.get(key, None, 10).await, Kind::NotFound, &format!("get of {key}"))?;
        fails_as(store.tail(key, None, 10).await, Kind::NotFound, &format!("tail of {key}"))?;
        fails_as(
            store.stream(key, None).await.map(|_| ()),
            Kind::NotFound,
            &format!("stream of {key}"),
        )?;
    }
    Ok(())
}

async fn tails(store: &dyn Store) -> Result<(), Failed> {
    let bytes = noise(5000, 3);
    store.put_new("tail/object", bytes.clone()).await?;
    for length in [0, 1, 4999, 5000, 5001, 1 << 20] {
        let fetched = store.tail("tail/object", None, length as u64).await?;
        let expected = bytes.slice(bytes.len().saturating_sub(length)..);
        require(fetched.bytes == expected, &format!("the last {length} bytes aren't those"))?;
        require(fetched.info.size == 5000, "the size isn't that of the whole object")?;
    }
    Ok(())
}

async fn ranges(store: &dyn Store) -> Result<(), Failed> {
    let bytes = noise(200_000, 12);
    store.put_new("range/object", bytes.clone()).await?;
    for (start, end) in
        [(0, 1), (0, 65_536), (70_000, 150_000), (199_999, 200_000), (199_000, 1 << 20)]
    {
        let fetched = store.range("range/object", None, start..end).await?;
        let expected = bytes.slice(start as usize..(end as usize).min(bytes.len()));
        require(fetched.bytes == expected, &format!("the bytes {start} to {end} aren't those"))?;
        require(fetched.info.size == 200_000, "the size isn't that of the whole object")?;
    }
    let absent = store.range("range/absent", None, 0..10).await;
    fails_as(absent, Kind::NotFound, "a range of an absent object")
}

async fn limits(store: &dyn Store) -> Result<(), Failed> {
    store.put_new("limit/object", noise(100, 4)).await?;
    require(
        store.get("limit/object", None, 100).await?.bytes.len() == 100,
        "the limit is inclusive",
    )?;
    fails_as(store.get("limit/object", None, 99).await, Kind::TooLarge, "a get beyond the limit")?;
    fails_as(store.get("limit/object", None, 0).await, Kind::TooLarge, "a get with the limit 0")
}

async fn empty_object(store: &dyn Store) -> Result<(), Failed> {
    store.put_new("empty/object", Bytes::new()).await?;
    let again = store.put_new("empty/object", noise(1, 1)).await;
    fails_as(again, Kind::AlreadyExists, "a put over an empty object")?;
    let fetched = store.get("empty/object", None, 0).await?;
    require(fetched.bytes.is_empty() && fetched.info.size == 0, "it isn't empty")?;
    for length in [0, 1, 65_536] {
        let fetched = store.tail("empty/object", None, length).await?;
        require(fetched.bytes.is_empty() && fetched.info.size == 0, "its end isn't empty")?;
    }
    let (info, mut pieces) = store.stream("empty/object", None).await?;
    while let Some(piece) = pieces.next().await {
        require(piece?.is_empty(), "its stream isn't empty")?;
    }
    require(info.size == 0, "its stream's size isn't 0")
}

async fn listing(store: &dyn Store) -> Result<(), Failed> {
    for key in ["list/a/b/1", "list/a/b/c/2", "list/a/bc/3", "list/a/b=c.d/4", "list/x"] {
        store.put_new(key, Bytes::from(key)).await?;
    }
    for (prefix, expected) in [
        ("list", &["list/a/b/1", "list/a/b/c/2", "list/a/b=c.d/4", "list/a/bc/3", "list/x"][..]),
        ("list/a/b", &["list/a/b/1", "list/a/b/c/2"]),
        ("list/a/b/", &["list/a/b/1", "list/a/b/c/2"]),
        ("list/a/bc", &["list/a/bc/3"]),
        ("list/a/b=c.d", &["list/a/b=c.d/4"]),
        ("list/a/nothing", &[]),
        ("lis", &[]),
    ] {
        let found = keys(store, prefix).await?;
        require(found == expected, &format!("below {prefix:?} it lists {found:?}"))?;
    }
    for (start, expected) in [
        ("list/a/b", &["list/a/b", "list/a/b=c.d", "list/a/bc"][..]),
        ("list/a/b=", &["list/a/b=c.d"]),
        ("list/a/b/", &["list/a/b/c"]),
        ("list/", &["list/a"]),
        ("list", &["list"]),
        ("list/a/no", &[]),
    ] {
        let mut found: Vec<_> = store.folders(start).try_collect().await?;
        found.sort();
        require(found == expected, &format!("as folders at {start:?} it lists {found:?}"))?;
    }
    let infos: Vec<ObjectInfo> = store.list("list/a/bc").try_collect().await?;
    require(infos.iter().all(|info| info.size == 11), "a listed size is wrong")?;
    require(keys(store, "").await?.len() >= 8, "the listing of everything is short")
}

async fn refused_keys(store: &dyn Store) -> Result<(), Failed> {
    for key in ["", "/a", "a/", "a//b", "a/../b", "./a", "a\nb"] {
        let put = store.put_new(key, Bytes::new()).await;
        fails_as(put, Kind::Invalid, &format!("a put at {key:?}"))?;
        fails_as(store.get(key, None, 1).await, Kind::Invalid, &format!("a get of {key:?}"))?;
    }
    let mut entries = store.list("a//b");
    let first = entries.next().await.unwrap_or_else(|| {
        Err(Error::new(auditseal_store::Operation::List, "a//b", Kind::Other, "it is empty"))
    });
    fails_as(first, Kind::Invalid, "a listing of a//b")?;
    require(entries.next().await.is_none(), "a failed listing goes on")
}

async fn racing_writers(store: &dyn Store) -> Result<(), Failed> {
    for round in 0..4 {
        let key = format!("race/{round}");
        let writers: Vec<Bytes> = (0..4).map(|writer| noise(2000, 100 + writer)).collect();
        let puts = writers.iter().map(|bytes| store.put_new(&key, bytes.clone()));
        let outcomes = futures::future::join_all(puts).await;
        let winners: Vec<usize> =
            (0..4).filter(|&at| outcomes.get(at).is_some_and(Result::is_ok)).collect();
        // A store may refuse all of them when they collide, and never let two win.
        require(winners.len() <= 1, &format!("{} writers won one key", winners.len()))?;
        if let Some(bytes) = winners.first().and_then(|&winner| writers.get(winner)) {
            let stored = store.get(&key, None, 2000).await?.bytes;
            require(stored == *bytes, "the bytes stored aren't the winner's")?;
        }
    }
    Ok(())
}

async fn large_object(store: &dyn Store) -> Result<(), Failed> {
    let bytes = noise(LARGE, 5);
    store.put_new("large/object", bytes.clone()).await?;
    let again = store.put_new("large/object", bytes.clone()).await;
    fails_as(again, Kind::AlreadyExists, "a second put of a large object")?;
    require(store.get("large/object", None, LARGE as u64).await?.bytes == bytes, "get differs")?;
    let tail = store.tail("large/object", None, 65_536).await?;
    require(tail.bytes == bytes.slice(LARGE - 65_536..), "tail differs")?;
    let (info, mut pieces) = store.stream("large/object", None).await?;
    let mut at = 0;
    while let Some(piece) = pieces.next().await.transpose()? {
        let expected = bytes.get(at..at + piece.len());
        require(expected == Some(&piece[..]), &format!("the stream differs after {at} bytes"))?;
        at += piece.len();
    }
    require(at == LARGE && info.size == LARGE as u64, "the stream's length isn't the object's")
}

async fn listed(store: &dyn Store, prefix: &str) -> Result<Vec<Version>, Failed> {
    Ok(store.versions(prefix).try_collect().await?)
}

/// Reads a version in each way there is, and demands those bytes.
async fn reads_as(
    store: &dyn Store,
    key: &str,
    id: Option<&str>,
    bytes: &Bytes,
) -> Result<(), Failed> {
    let length = bytes.len() as u64;
    let fetched = store.get(key, id, length).await?;
    require(fetched.bytes == bytes, "the bytes of a version aren't those put")?;
    require(fetched.info.size == length, "the size of a version isn't its own")?;
    let tail = store.tail(key, id, 7).await?;
    require(tail.bytes == bytes.slice(bytes.len().saturating_sub(7)..), "its end isn't its own")?;
    let (info, pieces) = store.stream(key, id).await?;
    let pieces: Vec<Bytes> = pieces.try_collect().await?;
    require(info.size == length && pieces.concat() == bytes[..], "its stream isn't its own")
}

async fn versions(store: &dyn Store) -> Result<Done, Failed> {
    let mut put = Vec::new();
    for at in 0..3 {
        let key = format!("version/a/{at}");
        let bytes = noise(20 + at, 11);
        put.push((key.clone(), bytes.clone(), store.put_new(&key, bytes).await?.version));
    }
    let found = listed(store, "version/a").await?;
    require(found.len() == put.len(), &format!("it lists {found:?}"))?;
    require(listed(store, "version/").await?.len() == put.len(), "below a parent it lists others")?;
    require(listed(store, "version/nothing").await?.is_empty(), "it lists what isn't there")?;
    for (key, bytes, made) in &put {
        let Some(one) = found.iter().find(|version| version.key == *key) else {
            return Err(Failed(format!("{key} isn't listed")));
        };
        require(
            one.latest && !one.marker && !one.archived,
            &format!("{key} is listed as {one:?}"),
        )?;
        require(one.size == bytes.len() as u64, "a listed size is wrong")?;
        if let (Some(made), Some(id)) = (made, &one.id) {
            require(made == id, "the listing has another id than the put gave")?;
        }
        reads_as(store, key, one.id.as_deref(), bytes).await?;
    }
    let unknown = store.get("version/a/0", Some("0123456789"), 99).await;
    require(unknown.is_err(), "a version that never was can be read")?;
    let mut entries = store.versions("a//b");
    let first = entries.next().await.unwrap_or_else(|| {
        Err(Error::new(auditseal_store::Operation::Versions, "a//b", Kind::Other, "it is empty"))
    });
    fails_as(first, Kind::Invalid, "a listing of a//b")?;
    let mut notes = Vec::new();
    if found.iter().all(|version| version.id.is_none()) {
        return Ok(Done::Cannot("the store keeps none".to_owned()));
    }
    if put.iter().any(|(_, _, made)| made.is_none()) {
        notes.push("a put doesn't tell the version that it made".to_owned());
    }
    Ok(Done::Passed(notes))
}

async fn locks(store: &dyn Store) -> Result<Done, Failed> {
    let version = store.put_new("lock/one", noise(5, 12)).await?.version;
    let absent = store.lock("lock/other", None).await;
    fails_as(absent, Kind::NotFound, "the lock of an absent object")?;
    let lock = store.lock("lock/one", version.as_deref()).await?;
    require(store.lock("lock/one", None).await? == lock, "the latest version has another lock")?;
    match (lock.mode, lock.until) {
        (LockMode::None, None) => Ok(Done::Cannot("the store locks nothing".to_owned())),
        (LockMode::Undisclosed, None) => {
            Ok(Done::Passed(vec!["the store doesn't tell how firmly".to_owned()]))
        }
        (LockMode::Governance | LockMode::Compliance, Some(until)) => {
            let info = store.get("lock/one", version.as_deref(), 5).await?.info;
            require(until > info.modified, "the lock ended before it began")?;
            Ok(Done::Passed(vec![format!("{:?} by the {:?}", lock.mode, lock.by).to_lowercase()]))
        }
        _ => Err(Failed(format!("a lock can't be {lock:?}"))),
    }
}

async fn create_only(store: &dyn Store) -> Result<(), Failed> {
    let absent = canary(store, "canary/genesis").await;
    require(matches!(absent, Canary::Unchecked(_)), "without an object it has an opinion")?;
    store.put_new("canary/genesis", noise(300, 13)).await?;
    let found = canary(store, "canary/genesis").await;
    require(found == Canary::Honoured, &format!("it is {found:?}"))?;
    require(listed(store, "canary").await?.len() == 1, "it left a version behind")
}
