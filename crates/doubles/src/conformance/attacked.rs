//! What becomes of an object that somebody hides or shadows.

use bytes::Bytes;
use futures::TryStreamExt as _;

use super::attack::{Attack, SHADOW};
use super::{Done, Failed, Report, fails_as, keys, listed, marks, noise, reads_as, require};
use auditseal_store::Kind;
use auditseal_store::Store;

/// Checks that a store with versions still gives what was put, whatever `attack` did to it; it
/// returns whether the store let it.
pub async fn attacked(store: &dyn Store, mut attack: impl FnMut(Attack, &str) -> bool) -> Report {
    let mut report = Report::default();
    let keeps = keeps_versions(store).await;
    let without = || Ok(Done::Cannot("the store keeps no versions".to_owned()));
    match keeps {
        Ok(true) => {
            report.add("a hidden object", hidden(store, &mut attack).await);
            report.add("a shadowed object", shadowed(store, &mut attack).await);
            report.add("strange keys", strange_keys(store, &mut attack).await);
            report.add("marks on versions", marks::on_versions(store, &mut attack).await);
        }
        Ok(false) => {
            for case in
                ["a hidden object", "a shadowed object", "strange keys", "marks on versions"]
            {
                report.add(case, without());
            }
        }
        Err(failed) => report.add("a hidden object", Err(failed)),
    }
    report
}

async fn keeps_versions(store: &dyn Store) -> Result<bool, Failed> {
    store.put_new("keeps-versions/1", Bytes::from_static(b"x")).await?;
    Ok(listed(store, "keeps-versions").await?.iter().all(|version| version.id.is_some()))
}

async fn hidden(
    store: &dyn Store,
    attack: &mut impl FnMut(Attack, &str) -> bool,
) -> Result<Done, Failed> {
    let (key, bytes) = ("attacked/hidden/1", noise(100, 14));
    store.put_new(key, bytes.clone()).await?;
    require(attack(Attack::Hide, key), "the attack on it failed")?;
    fails_as(store.get(key, None, 100).await, Kind::NotFound, "a get of a hidden object")?;
    fails_as(store.lock(key, None).await, Kind::NotFound, "the lock of a hidden object")?;
    require(keys(store, "attacked/hidden").await?.is_empty(), "a hidden object is listed")?;
    let folders: Vec<String> = store.folders("attacked/hid").try_collect().await?;
    require(folders == ["attacked/hidden"], &format!("as folders of it it lists {folders:?}"))?;
    let found = listed(store, "attacked/hidden").await?;
    let mut notes = Vec::new();
    match found.iter().find(|version| version.marker) {
        Some(marker) => {
            require(marker.latest && marker.key == key, "the marker isn't the latest")?;
            let read = store.get(key, marker.id.as_deref(), 100).await;
            fails_as(read, Kind::NotFound, "a get of the marker")?;
        }
        None => notes.push("deleting leaves no marker".to_owned()),
    }
    let originals = found.iter().filter(|version| !version.marker);
    require(originals.clone().count() == 1, &format!("it lists {found:?}"))?;
    for version in originals {
        require(!version.latest, "a hidden version passes for the latest")?;
        reads_as(store, key, version.id.as_deref(), &bytes).await?;
    }
    match store.put_new(key, noise(100, 15)).await {
        Ok(_) => notes.push("a create after that succeeds".to_owned()),
        Err(error) => notes.push(format!("a create after that fails as {}", error.kind().name())),
    }
    Ok(Done::Passed(notes))
}

async fn shadowed(
    store: &dyn Store,
    attack: &mut impl FnMut(Attack, &str) -> bool,
) -> Result<Done, Failed> {
    let (key, bytes) = ("attacked/shadowed/1", noise(100, 16));
    store.put_new(key, bytes.clone()).await?;
    let lock = store.lock(key, None).await?;
    require(attack(Attack::Shadow, key), "the attack on it failed")?;
    require(store.get(key, None, 100).await?.bytes == SHADOW, "the shadow isn't the latest")?;
    let found = listed(store, "attacked/shadowed").await?;
    require(found.len() == 2, &format!("it lists {found:?}"))?;
    for version in &found {
        let expected = if version.latest { Bytes::from_static(SHADOW) } else { bytes.clone() };
        reads_as(store, key, version.id.as_deref(), &expected).await?;
    }
    let original = found.iter().find(|version| !version.latest);
    let original = original.ok_or(Failed("both versions are the latest".to_owned()))?;
    let kept = store.lock(key, original.id.as_deref()).await?;
    require(kept == lock, &format!("its lock was {lock:?} and is {kept:?}"))?;
    Ok(Done::Passed(Vec::new()))
}

/// Keys that nobody of ours would choose must not keep the others from being listed.
async fn strange_keys(
    store: &dyn Store,
    attack: &mut impl FnMut(Attack, &str) -> bool,
) -> Result<Done, Failed> {
    store.put_new("attacked/strange/1", noise(10, 17)).await?;
    let strange = ["attacked/strange//2", "attacked/strange/a b+%41&<x>/ö", "attacked/strange/.3"];
    let (taken, refused): (Vec<&str>, Vec<&str>) =
        strange.into_iter().partition(|key| attack(Attack::Shadow, key));
    let mut expected = vec!["attacked/strange/1".to_owned()];
    expected.extend(taken.into_iter().map(str::to_owned));
    let refused = refused.into_iter().map(|key| format!("the store refuses {key}"));
    let mut notes: Vec<String> = refused.collect();
    let found = keys(store, "attacked/strange").await?;
    let slashes = |keys: &[String]| keys.iter().any(|key| key.contains("//"));
    if slashes(&expected) && !slashes(&found) {
        notes.push("the store makes a/b of a//b".to_owned());
        expected.iter_mut().for_each(|key| *key = key.replace("//", "/"));
    }
    expected.sort();
    require(found == expected, &format!("it lists {found:?}"))?;
    let found = listed(store, "attacked/strange").await?;
    let mut found: Vec<String> = found.into_iter().map(|version| version.key).collect();
    found.sort();
    require(found == expected, &format!("it lists versions of {found:?}"))?;
    Ok(Done::Passed(notes))
}
