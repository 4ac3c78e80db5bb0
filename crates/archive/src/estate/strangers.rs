//! Chains that a store has and nobody named.

use auditseal_format::Origin;
use auditseal_reader::Source;
use auditseal_store::Error;

/// Folders of one level that are looked into.
const MOST: usize = 100_000;

/// The levels of a chain's key.
const LEVELS: [&str; 3] = ["cluster=", "/node=", "/source="];

/// The chains that a store has objects of, in the order of their names; and whether these are all: of
/// more than 100,000 the rest isn't asked for.
pub async fn origins(source: &Source) -> Result<(Vec<Origin>, bool), Error> {
    let (mut folders, mut all) = (vec![String::new()], true);
    for level in LEVELS {
        let mut below = Vec::new();
        for folder in folders {
            if below.len() >= MOST {
                all = false;
                break;
            }
            below.extend(source.folders(&format!("{folder}{level}")).await?);
        }
        folders = below;
    }
    all &= folders.len() <= MOST;
    let mut origins: Vec<Origin> =
        folders.iter().take(MOST).filter_map(|folder| origin_of(folder)).collect();
    origins.sort();
    origins.dedup();
    Ok((origins, all))
}

fn origin_of(folder: &str) -> Option<Origin> {
    let mut parts = folder.split('/');
    let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let (cluster, node, source) = (part("cluster")?, part("node")?, part("source")?);
    Origin::new(cluster, node, source).ok().filter(|_| parts.next().is_none())
}
