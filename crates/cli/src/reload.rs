//! SIGHUP: reads again what may change under a running agent, and says what did.
//!
//! A running process's environment can't be changed from outside, but files can: `--environment`
//! names one with the clouds' variables and the log level. What a SIGHUP finds is used as a whole or
//! not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auditseal_agent::{Progress, open_named};
use auditseal_format::{Hash, ObjectKey, Origin, hash};
use auditseal_store::{Kind, Store};
use auditseal_vault::{Options, Provider, Swap, is_of_cloud};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::accepting::{Accepting, OWNERS};
use crate::envfile::{self, Variables};
use crate::failure::Failure;
use crate::logging::Levels;
use crate::writer::Writer;

/// The variable that the log level is said by.
const LEVEL: &str = "AUDITSEAL_LOG_LEVEL";

/// The variables that name files with credentials, which a store reads when it is opened.
const CREDENTIAL_FILES: [&str; 2] = ["GOOGLE_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS"];

/// What was read the last time. Of values only hashes are kept, for some are secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Held {
    variables: BTreeMap<String, Hash>,
    files: BTreeMap<PathBuf, Option<Hash>>,
}

/// What there is to say of two readings.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// What is used from now on.
    used: Vec<String>,
    /// What only a restart takes over.
    restart: Vec<String>,
}

impl Held {
    fn of(variables: &Variables, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let hashed = |(name, value): &(String, String)| (name.clone(), hash(value.as_bytes()));
        let held = |path: PathBuf| {
            let mut bytes = Vec::new();
            let read = open_named(&path).and_then(|mut file| file.read_to_end(&mut bytes));
            (path, read.ok().map(|_| hash(&bytes)))
        };
        Self {
            variables: variables.iter().map(hashed).collect(),
            files: files.into_iter().map(held).collect(),
        }
    }

    /// What is another than before.
    fn since(&self, before: &Self) -> Change {
        let mut change = Change::default();
        let names = self.variables.keys().chain(before.variables.keys());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        for name in names {
            if self.variables.get(name) == before.variables.get(name) {
                continue;
            }
            if is_of_cloud(name) || name == LEVEL || name == OWNERS {
                change.used.push(name.clone());
            } else if name.starts_with("AUDITSEAL_") {
                change.restart.push(name.clone());
            }
        }
        for (path, now) in &self.files {
            if before.files.get(path).is_some_and(|then| then != now) {
                change.used.push(path.display().to_string());
            }
        }
        change
    }
}

/// What a running agent can be given anew.
pub(crate) struct Reload {
    environment: Option<PathBuf>,
    url: String,
    provider: Option<Provider>,
    options: Options,
    /// An object of a chain of ours, by which it is tried whether the store lets us in.
    genesis: Option<String>,
    key: PathBuf,
    vkey: Option<String>,
    swap: Arc<Swap>,
    levels: Levels,
    accepting: Accepting,
    held: Held,
    /// The clouds' variables that the file has ever named.
    named: BTreeSet<String>,
}

/// The variables of `--environment`. A file that isn't there yet is as good as an empty one.
pub(crate) fn variables(path: Option<&Path>) -> Result<Variables, Failure> {
    let Some(path) = path else { return Ok(Variables::new()) };
    match envfile::read(path) {
        Ok(found) => Ok(found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            warn!("--environment {} isn't there: SIGHUP looks for it again", path.display());
            Ok(Variables::new())
        }
        Err(error) => {
            let what = format!("read --environment {}: {error}", path.display());
            let hint = "it holds lines NAME=VALUE, as systemd's EnvironmentFile has them";
            Err(Failure::new(what).hint(Some(hint)))
        }
    }
}

/// The log level that a file of variables says.
pub(crate) fn level(variables: &Variables) -> Option<&str> {
    variables.iter().find(|(name, _)| name == LEVEL).map(|(_, level)| level.as_str())
}

impl Reload {
    /// `options` are those that the store was opened with, `variables` what they hold of
    /// `--environment`, `vkey` is the key's, if its disk has told it.
    pub(crate) fn new(
        writer: &Writer,
        environment: Option<PathBuf>,
        variables: &Variables,
        (options, vkey): (Options, Option<String>),
        swap: Arc<Swap>,
        (levels, accepting): (Levels, Accepting),
    ) -> Self {
        let first = writer.source.iter().flat_map(|sources| &sources.0).next();
        let origin =
            first.and_then(|spec| Origin::new(&writer.cluster, &writer.node, &spec.name).ok());
        let url = writer.store.store.clone();
        let mut reload = Self {
            environment,
            provider: auditseal_vault::site(&url).ok().map(|site| site.provider),
            url,
            options,
            genesis: origin.map(|origin| ObjectKey::genesis(origin).to_string()),
            vkey,
            key: writer.key.clone(),
            swap,
            levels,
            accepting,
            held: Held::default(),
            named: BTreeSet::new(),
        };
        reload.held = reload.read(variables);
        reload.overlay(variables);
        reload
    }

    fn read(&self, variables: &Variables) -> Held {
        let own = |name: &&str| std::env::var_os(name);
        let said = |name: &&str| Some(variables.iter().find(|(n, _)| n == name)?.1.clone().into());
        let named = CREDENTIAL_FILES.iter().filter_map(|name| said(name).or_else(|| own(name)));
        Held::of(variables, named.map(PathBuf::from).chain(self.options.ca_certificate.clone()))
    }

    /// Reads everything again and takes over what is new; says what, or why nothing is.
    async fn again(mut self, progress: &Progress) -> Self {
        match self.take().await {
            Ok(change) => {
                let used = match change.used.as_slice() {
                    [] => "nothing has changed".to_owned(),
                    names => format!("in use from now on: {}", names.join(", ")),
                };
                info!(target: "auditseal_agent", "SIGHUP: read again, {used}");
                if !change.restart.is_empty() {
                    let hint = "restart it when that suits: it seals and uploads what it has first";
                    let names = change.restart.join(", ");
                    warn!(hint, "SIGHUP: changed, and in use only after a restart: {names}");
                }
            }
            Err((why, hint)) => {
                progress.reload_failed();
                error!(hint, "SIGHUP: {why}; what was in use before stays in use");
            }
        }
        self
    }

    async fn take(&mut self) -> Result<Change, (String, Option<String>)> {
        let variables = match &self.environment {
            None => Variables::new(),
            Some(path) => envfile::read(path).map_err(|error| {
                (format!("read --environment {}: {error}", path.display()), None)
            })?,
        };
        let held = self.read(&variables);
        let mut change = held.since(&self.held);
        if self.vkey.is_some() && vkey(&self.key) != self.vkey {
            change.restart.push(format!("the signing key, {}", self.key.display()));
        }
        let filter = self.levels.read(level(&variables)).map_err(|why| (why, None))?;
        let accepted = self.accepting.read(&variables).map_err(|why| (why, None))?;
        if self.accepting.is_fixed() && change.used.iter().any(|name| name == OWNERS) {
            change.used.retain(|name| name != OWNERS);
            change.restart.push(format!("{OWNERS}, for the command line has --accept-owner"));
        }
        if self.provider == Some(Provider::Directory) {
            // No directory is reached by them.
            change.used.retain(|name| name == LEVEL || name == OWNERS);
        } else {
            let environment = self.overlay(&variables);
            let options = Options { environment, ..self.options.clone() };
            let store = self.open(&options).await?;
            self.swap.replace(store);
        }
        self.levels.set(filter);
        self.accepting.set(accepted);
        self.held = held;
        Ok(change)
    }

    /// What the store is opened with. systemd gave the process what the file said when it started: a
    /// variable that is gone from the file would come back from there. An empty one is as good as
    /// none.
    fn overlay(&mut self, variables: &Variables) -> Vec<(OsString, OsString)> {
        let mut found = envfile::of_clouds(variables);
        let there: BTreeSet<_> = variables.iter().map(|(name, _)| name.clone()).collect();
        let gone = self.named.difference(&there);
        found.extend(gone.map(|name| (name.into(), OsString::new())));
        self.named.extend(there.into_iter().filter(|name| is_of_cloud(name)));
        found
    }

    /// Opens the store anew. Credentials that it refuses are no better than those in use.
    async fn open(&self, options: &Options) -> Result<Arc<dyn Store>, (String, Option<String>)> {
        let said =
            |error: &auditseal_store::Error| (error.to_string(), error.hint().map(str::to_owned));
        let store = auditseal_vault::open(&self.url, options).map_err(|error| said(&error))?;
        if let Some(genesis) = &self.genesis
            && let Err(error) = store.tail(genesis, None, 1).await
        {
            match error.kind() {
                Kind::Denied | Kind::NoBucket | Kind::Elsewhere | Kind::Invalid => {
                    return Err(said(&error));
                }
                // Absent, or no answer: that says nothing against them.
                _ => {}
            }
        }
        Ok(store)
    }
}

/// The public half of the key in a file, if one can be read there.
fn vkey(path: &Path) -> Option<String> {
    use auditseal_note::Signer as _;
    auditseal_agent::read_signer(path).ok().map(|signer| signer.key().to_string())
}

/// The signals that a postrotate script or an operator may send, none of which ends the process.
pub(crate) struct Signals {
    hangup: Option<Signal>,
    user: [Signal; 2],
}

impl Signals {
    /// `hangup`: whether SIGHUP is one of them. To a command in a terminal it says that the terminal
    /// is gone.
    pub(crate) fn watch(hangup: bool) -> std::io::Result<Self> {
        let user = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
        let hangup = hangup.then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { hangup, user })
    }

    /// Answers them for ever.
    pub(crate) async fn answer(mut self, reload: Option<Reload>, progress: Arc<Progress>) {
        let (mut reload, mut said) = (reload, [false; 2]);
        loop {
            let [first, second] = &mut self.user;
            let which = tokio::select! {
                () = hung_up(&mut self.hangup) => None,
                _ = first.recv() => Some(0),
                _ = second.recv() => Some(1),
            };
            match which {
                None => match reload.take() {
                    // Reading files may wait for a disk: on the thread of the loops nothing may.
                    Some(known) => reload = aside(known, &progress).await,
                    None => {
                        info!(target: "auditseal_agent", "SIGHUP: there is nothing to read again")
                    }
                },
                Some(at) => {
                    if !std::mem::replace(&mut said[at], true) {
                        let hint = "SIGHUP reads certificates, credentials, the log level and --accept-owner again";
                        warn!(
                            hint,
                            "SIGUSR{} means nothing here, and is ignored; said once",
                            at + 1
                        );
                    }
                }
            }
        }
    }
}

/// Reads again on a thread beside the loops.
async fn aside(known: Reload, progress: &Arc<Progress>) -> Option<Reload> {
    let (progress, runtime) = (Arc::clone(progress), tokio::runtime::Handle::current());
    let done = tokio::task::spawn_blocking(move || runtime.block_on(known.again(&progress)));
    match done.await {
        Ok(known) => Some(known),
        Err(error) => {
            error!("SIGHUP: {error}; nothing is read again until a restart");
            None
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_by_name_and_what_needs_a_restart_apart() {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        let held = |pairs: &[(&str, &str)], pem: &str| {
            std::fs::write(&ca, pem).unwrap();
            let pairs = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            Held::of(&pairs.collect(), [ca.clone()])
        };
        let before = held(&[("AWS_REGION", "a"), ("AUDITSEAL_WINDOW", "5s"), ("LANG", "C")], "1");
        assert_eq!(before.since(&before), Change::default());
        let after = held(
            &[("AWS_SECRET_ACCESS_KEY", "s"), ("AUDITSEAL_WINDOW", "9s"), (LEVEL, "debug")],
            "2",
        );
        let change = after.since(&before);
        let used = [LEVEL, "AWS_REGION", "AWS_SECRET_ACCESS_KEY", &ca.display().to_string()];
        assert_eq!(change.used, used);
        assert_eq!(change.restart, ["AUDITSEAL_WINDOW"]);
    }
}
