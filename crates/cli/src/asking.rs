//! What every question to an archive has: which chains are asked, how much may be searched, and what stands below the answer.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use auditseal_chain::Rules;
use auditseal_format::Origin;
use auditseal_query::{Answered, AskedChain, FoundParts, Put, ScanCost, size};
use auditseal_reader::Window;
use auditseal_store::Store;
use clap::Args;
use clap::builder::BoolishValueParser;
use tokio::signal::unix::{SignalKind, signal};

use crate::checking::heads_of;
use crate::failure::Failure;
use crate::logging::LogFormat;
use crate::packing::PackPlace;
use crate::stats::Bill;
use crate::store_flags::StoreFlags;
use crate::trusting::{Policy, trust_file, untrusted};
use crate::units::size as bytes_of;
use crate::vkeys::vkeys;

/// The chains that are asked, and what is trusted of them.
#[derive(Debug, Args)]
pub(crate) struct Chains {
    /// Only this chain; without it, all of the trust file's. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = clap::ArgAction::Append, value_delimiter = ' ')]
    origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = clap::ArgAction::Append,
          required_unless_present = "trust")]
    vkey: Vec<String>,
    #[command(flatten)]
    policy: Policy,
    /// File that remembers how far each chain was verified: one that ends earlier, or has another history, is a
    /// finding. Read, and not moved on.
    #[arg(
        long,
        env = "AUDITSEAL_HEADS",
        value_name = "FILE",
        requires = "trust",
        // Of two that exclude each other neither is required: without this, --vkey would pass it over.
        conflicts_with = "vkey"
    )]
    heads: Option<PathBuf>,
    #[command(flatten)]
    place: PackPlace,
    /// Don't use the index of packs: search all that may lie in the time asked for.
    #[arg(long, env = "AUDITSEAL_NO_INDEX", value_parser = BoolishValueParser::new())]
    pub(crate) no_index: bool,
    /// Exit 0 also where no seal that is known ties the part that was searched to its chain.
    #[arg(long, env = "AUDITSEAL_ALLOW_UNANCHORED", value_parser = BoolishValueParser::new())]
    pub(crate) allow_unanchored: bool,
}

/// How much may be searched.
#[derive(Debug, Args)]
pub(crate) struct ScanLimit {
    /// Ask before more stored bytes than this are searched without an index.
    #[arg(long, env = "AUDITSEAL_SCAN_LIMIT", value_name = "SIZE", default_value = "1GiB", value_parser = bytes_of)]
    scan_limit: u64,
    /// Search them without asking.
    #[arg(long, env = "AUDITSEAL_YES", value_parser = BoolishValueParser::new())]
    yes: bool,
}

/// The chains, and where their packs stand.
type AskedChains = (Vec<AskedChain>, Option<Arc<dyn Store>>);

impl Chains {
    /// The chains that are asked, and the store of their packs.
    pub(crate) fn asked(&self, store: &StoreFlags, bill: &Bill) -> Result<AskedChains, Failure> {
        let Some(path) = &self.policy.trust else {
            self.place.without_trust(store)?;
            if self.origin.is_empty() {
                let why = "choose chains: no --origin was given, and no trust file that names them";
                return Err(
                    Failure::new(why).hint(Some("`auditseal ls` lists the chains that there are"))
                );
            }
            let vkeys = vkeys(&self.vkey)?;
            let of = |origin: &Origin| AskedChain {
                origin: origin.clone(),
                trusted: None,
                vkeys: vkeys.clone(),
                auditors: Vec::new(),
                head: None,
                forks: Vec::new(),
            };
            return Ok((once(&self.origin).iter().map(of).collect(), None));
        };
        let file = trust_file(path)?;
        let all: Vec<Origin> = file.origins().map(|(origin, _)| origin.clone()).collect();
        let origins = if self.origin.is_empty() { all } else { once(&self.origin) };
        let heads = self.heads.as_deref().map(heads_of).transpose()?.unwrap_or_default();
        let chain = |origin: &Origin| {
            let trusted = file.get(origin).cloned().ok_or_else(|| untrusted(origin))?;
            let policy = Rules::trusting(&trusted, None).policy;
            let first = trusted.begin.map_or(0, |begin| begin.seq);
            let open = |seq: &u64| first <= *seq && policy.settles(*seq).is_none();
            Ok(AskedChain {
                origin: origin.clone(),
                head: heads.get(origin).map(|known| known.seal),
                forks: heads.forked(origin).into_iter().filter(open).collect(),
                trusted: Some(trusted),
                vkeys: Vec::new(),
                auditors: file.auditors_of(origin),
            })
        };
        let chains = origins.iter().map(chain).collect::<Result<Vec<_>, Failure>>()?;
        if chains.is_empty() {
            return Err(Failure::new("choose chains: the trust file names none"));
        }
        let packs = self.place.open_counting(store, &file, bill.traffic().clone())?;
        Ok((chains, packs))
    }
}

/// Objects of two clusters that have one name are two, and no life of one.
pub(crate) fn of_one_cluster(origins: &[Origin]) -> Result<(), Failure> {
    let clusters: BTreeSet<&str> = origins.iter().map(Origin::cluster).collect();
    if clusters.len() < 2 {
        return Ok(());
    }
    let names: Vec<&str> = clusters.into_iter().collect();
    let why = format!(
        "choose chains: they are of the clusters {}, whose objects have lives of their own",
        names.join(", ")
    );
    let hint =
        "name the chains of one cluster with --origin CLUSTER/NODE/SOURCE, for each of its nodes";
    Err(Failure::new(why).hint(Some(hint)))
}

/// Each of them once, in order.
fn once(origins: &[Origin]) -> Vec<Origin> {
    let mut origins = origins.to_vec();
    origins.sort();
    origins.dedup();
    origins
}

impl ScanLimit {
    /// Asks whoever is at the terminal before a search that takes long; where there is none, it isn't begun.
    pub(crate) fn allows(&self, search: &FoundParts) -> Result<(), Failure> {
        let ScanCost { objects, bytes } = search.cost();
        if self.yes || bytes <= self.scan_limit {
            return Ok(());
        }
        let estimate = format!(
            "{objects} objects with {} are to be fetched and searched, more than --scan-limit {}",
            size(bytes),
            size(self.scan_limit)
        );
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            drop(write!(io::stderr(), "{estimate}. Go on? [y/N] "));
            let mut word = String::new();
            let read = io::stdin().read_line(&mut word);
            if read.is_ok() && matches!(word.trim(), "y" | "Y" | "yes") {
                return Ok(());
            }
            return Err(Failure::new("search: it was declined").hint(Some(NARROWER)));
        }
        Err(Failure::new(format!(
            "search: {estimate}, and there is no terminal to ask whether to go on"
        ))
        .hint(Some(format!("--yes goes on; {NARROWER}"))))
    }
}

const NARROWER: &str = "--since and --until make it less";

/// Done when somebody wants the search to stop.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error| Failure::new(format!("watch for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The exit code of two answers together: that of the worse one. Something that is wrong weighs more than something that
/// couldn't be searched, and two histories of a chain more than that.
pub(crate) fn worse(one: u8, other: u8) -> u8 {
    let weight = |code: u8| match code {
        0 => 0,
        1 => 2,
        3 => 3,
        _ => 1,
    };
    if weight(other) > weight(one) { other } else { one }
}

/// The types that were seen, where they were gathered.
pub(crate) fn seen(answer: &Answered) -> BTreeSet<String> {
    answer.chains.iter().flat_map(|chain| chain.types.iter().cloned()).collect()
}

/// What stands below an answer.
pub(crate) fn footer(
    answer: &Answered,
    namespaces: String,
    window: Window,
    bill: &Bill,
) -> Vec<String> {
    let mut lines = answer.footer(&Put { namespaces, since: window.since, until: window.until });
    cost(&mut lines, bill);
    lines
}

/// Says before the last line what the answer cost. A directory is asked nothing.
pub(crate) fn cost(lines: &mut Vec<String>, bill: &Bill) {
    let (requests, received) = (bill.traffic().requests(), bill.traffic().received());
    let at = lines.len().saturating_sub(1);
    if requests > 0 {
        lines.insert(at, format!("cost: {requests} requests, {} received", size(received)));
    }
}

/// Writes to standard error; nobody may be reading any more.
pub(crate) fn tell(lines: &[String], format: LogFormat) {
    let mut err = io::stderr().lock();
    for line in lines {
        let text = match format {
            LogFormat::Text => format!("{line}\n"),
            LogFormat::Json => format!(
                "{}\n",
                serde_json::json!({ "level": "INFO", "message": line.trim_start() })
            ),
        };
        drop(err.write_all(text.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_answers_the_worse_one_counts() {
        for (one, other, code) in [(0, 0, 0), (0, 2, 2), (2, 1, 1), (1, 2, 1), (3, 1, 3), (2, 3, 3)]
        {
            assert_eq!((worse(one, other), worse(other, one)), (code, code), "{one} {other}");
        }
    }

    #[test]
    fn chains_of_two_clusters_hold_no_life_of_one_object() {
        let refused = |origins: &[&str]| {
            let origins: Vec<Origin> = origins.iter().map(|text| text.parse().unwrap()).collect();
            of_one_cluster(&origins).is_err()
        };
        assert!(!refused(&["demo/cp-1/kube", "demo/cp-2/kube"]));
        assert!(refused(&["demo/cp-1/kube", "prod/cp-1/kube"]));
    }
}
