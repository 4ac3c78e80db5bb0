//! What trust says while `forward` runs: its file is read again, and what it says is followed from then on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auditseal_format::Origin;
use auditseal_forward::{AcceptedChains, Followed, ForwardTally};
use auditseal_trust::TrustFile;
use tokio::signal::unix::Signal;
use tokio::sync::{oneshot, watch};

use crate::failure::Failure;
use crate::trusting::untrusted;

/// How often the trust file is read again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long its disk may give no answer before that is said.
const SILENT: Duration = Duration::from_secs(5);

/// The chains that are followed.
pub(crate) fn chains(trust: &TrustFile, asked: &[Origin]) -> Result<Vec<Followed>, Failure> {
    if let Some(other) = asked.iter().find(|origin| trust.get(origin).is_none()) {
        return Err(untrusted(other));
    }
    let wanted = trust.origins().filter(|(origin, _)| asked.is_empty() || asked.contains(origin));
    let chains: Vec<Followed> = wanted
        .map(|(origin, trusted)| Followed {
            origin: origin.clone(),
            trusted: trusted.clone(),
            auditors: trust.auditors_of(origin),
        })
        .collect();
    if chains.is_empty() {
        return Err(Failure::new("choose chains: the trust file names none"));
    }
    Ok(chains)
}

/// What is read of a trust file: it, and what is followed then; nothing, if it says what it said before.
pub(crate) type Read = Result<Option<(TrustFile, AcceptedChains)>, Failure>;

/// A trust file that is read again.
pub(crate) struct Again<F> {
    /// What it is called.
    pub(crate) path: PathBuf,
    /// What it said last.
    pub(crate) known: Arc<TrustFile>,
    /// Reads it; it may wait for a disk.
    pub(crate) reread: Arc<F>,
}

/// Reads the trust file again every half minute, and when it is told to, and tells who follows what it says. What
/// can't be used changes nothing, and is said.
pub(crate) async fn keep<F: Fn(&TrustFile) -> Read + Send + Sync + 'static>(
    mut again: Again<F>,
    accepted: watch::Sender<Arc<AcceptedChains>>,
    (tally, mut hangup): (Arc<ForwardTally>, Signal),
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = hangup.recv() => tracing::info!("the trust file is read again"),
        }
        match read(&again, &tally).await {
            Ok(read) => {
                if tally.set_untrusted(None) {
                    tracing::info!("the trust file can be used again");
                }
                if let Some((trust, next)) = read {
                    tell(&accepted.borrow(), &next);
                    again.known = Arc::new(trust);
                    accepted.send_replace(Arc::new(next));
                }
            }
            Err(why) => refuse(&tally, &why.told()),
        }
    }
}

/// Says why what the file says isn't followed, once.
fn refuse(tally: &ForwardTally, why: &str) {
    if tally.set_untrusted(Some(why.to_owned())) {
        tracing::error!(
            "{why}; what it said before is followed: no chain and no key that was accepted since is, and none that was taken away is let go"
        );
    }
}

/// Reads it on a thread of its own, which is waited for.
async fn read<F: Fn(&TrustFile) -> Read + Send + Sync + 'static>(
    again: &Again<F>,
    tally: &ForwardTally,
) -> Read {
    let (answer, mut answered) = oneshot::channel();
    let (reread, before) = (Arc::clone(&again.reread), Arc::clone(&again.known));
    let body = move || {
        // Nobody may wait for it any more.
        drop(answer.send(reread(&before)));
    };
    let started = std::thread::Builder::new().name("trust".to_owned()).spawn(body);
    started.map_err(|error| Failure::new(format!("start a thread for the trust file: {error}")))?;
    loop {
        match tokio::time::timeout(SILENT, &mut answered).await {
            Ok(read) => return read.unwrap_or_else(|ended| Err(Failure::new(ended))),
            Err(_) => refuse(
                tally,
                &format!("read trust file {}: its disk gives no answer", again.path.display()),
            ),
        }
    }
}

/// Says what is another than before.
fn tell(before: &AcceptedChains, now: &AcceptedChains) {
    for chain in before.chains() {
        let origin = &chain.origin;
        match now.chain(origin) {
            None => {
                tracing::warn!(%origin, "the trust file doesn't name it any more: it isn't followed from now on")
            }
            Some(other) if other != chain => {
                tracing::info!(%origin, "the trust file says something else of it, which counts from now on");
            }
            Some(_) => {}
        }
    }
    for chain in now.chains().filter(|chain| before.chain(&chain.origin).is_none()) {
        tracing::info!(origin = %chain.origin, "the trust file names it: it is followed from now on");
    }
}
