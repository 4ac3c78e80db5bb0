//! Marks: each on the version that it was set on, and nothing else changed by it.

use super::attack::Attack;
use super::{Done, Failed, fails_as, listed, noise, reads_as, require};
use auditseal_store::{Error, Kind, LockMode, Store};

/// A version is marked, twice, and the one beside it is not; a genesis can't be.
pub(super) async fn marks(store: &dyn Store) -> Result<Done, Failed> {
    let (one, two) = ("mark/a b+%/date=2026-11-21/1", "mark/a b+%/date=2026-11-21/2");
    let bytes = noise(100, 18);
    let version = store.put_new(one, bytes.clone()).await?.version;
    store.put_new(two, noise(100, 19)).await?;
    let id = version.as_deref();
    match store.marked(one, id).await {
        Ok(marked) => require(!marked, "it is marked from the first")?,
        Err(error) if error.kind() == Kind::Unsupported => {
            fails_as(store.mark(one, id).await, Kind::Unsupported, "a mark")?;
            return Ok(Done::Cannot("the store keeps none".to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    let before = (store.lock(one, id).await?, listed(store, "mark").await?);
    for _ in 0..2 {
        store.mark(one, id).await?;
        require(store.marked(one, id).await?, "it isn't marked after it was")?;
        require(store.marked(one, None).await?, "asked for without an id it isn't marked")?;
    }
    require(!store.marked(two, None).await?, "another object is marked")?;
    reads_as(store, one, id, &bytes).await?;
    // Some dates are those of the last change, a mark's too.
    let undated = |mut versions: Vec<auditseal_store::Version>| {
        versions.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        versions.iter_mut().for_each(|version| version.modified = 0);
        versions
    };
    let after = (store.lock(one, id).await?, listed(store, "mark").await?);
    require(
        undated(before.1.clone()) == undated(after.1.clone()),
        "the mark changed the versions",
    )?;
    require(before.0 == after.0, &format!("its lock was {:?} and is {:?}", before.0, after.0))?;
    fails_as(store.mark("mark/absent", None).await, Kind::NotFound, "a mark on nothing")?;
    fails_as(store.marked("mark/absent", None).await, Kind::NotFound, "the mark of nothing")?;
    fails_as(store.mark("a//b", None).await, Kind::Invalid, "a mark on a//b")?;
    fails_as(store.marked("a//b", None).await, Kind::Invalid, "the mark of a//b")?;
    let genesis = "mark/cluster=c/node=n/source=s/date=1970-01-01/000000000000.jsonl.zst";
    store.put_new(genesis, noise(10, 20)).await?;
    fails_as(store.mark(genesis, None).await, Kind::Invalid, "a mark on a genesis")?;
    require(!store.marked(genesis, None).await?, "a genesis is marked")?;
    Ok(Done::Passed(notes(before.1 != after.1, before.0.mode != LockMode::None)))
}

fn notes(dated: bool, locked: bool) -> Vec<String> {
    let dated = dated.then(|| "a mark moves the listed date".to_owned());
    let locked = locked.then(|| "set on what is locked".to_owned());
    locked.into_iter().chain(dated).collect()
}

/// Where somebody put over an object, or hid it, the true version is marked by its id; what stands
/// before it is not, and can't be taken for it.
pub(super) async fn on_versions(
    store: &dyn Store,
    attack: &mut impl FnMut(Attack, &str) -> bool,
) -> Result<Done, Failed> {
    for (what, key) in [(Attack::Shadow, "attacked/marked/1"), (Attack::Hide, "attacked/marked/2")]
    {
        let bytes = noise(100, 21);
        let put = store.put_new(key, bytes.clone()).await?.version;
        if let Err(error) = store.marked(key, None).await
            && error.kind() == Kind::Unsupported
        {
            return Ok(Done::Cannot("the store keeps none".to_owned()));
        }
        require(attack(what, key), "the attack on it failed")?;
        let found = listed(store, key.rsplit_once('/').map_or(key, |(folder, _)| folder)).await?;
        let hidden = found.iter().find(|version| version.key == key && !version.latest);
        let Some(id) = put.as_deref().or(hidden.and_then(|version| version.id.as_deref())) else {
            return Err(Failed(format!("it lists {found:?}")));
        };
        match store.mark(key, Some(id)).await {
            // It did something else than it was asked for, and was seen to.
            Err(error) if error.kind() == Kind::WrongVersion => {
                return Ok(Done::Cannot("the server marks the latest version instead".to_owned()));
            }
            marked => marked?,
        }
        require(store.marked(key, Some(id)).await?, "the version isn't marked after it was")?;
        match what {
            Attack::Shadow => {
                require(!store.marked(key, None).await?, "what shadows it is marked in its place")?;
            }
            Attack::Hide => {
                let latest: Result<bool, Error> = store.marked(key, None).await;
                fails_as(latest, Kind::NotFound, "the mark of what is hidden, without its id")?;
            }
        }
        reads_as(store, key, Some(id), &bytes).await?;
    }
    Ok(Done::Passed(Vec::new()))
}
