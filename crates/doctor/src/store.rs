//! What a store's facts mean for an archive in it. Pure: facts in, checks out.

mod lifecycle;

use std::time::Duration;

use auditseal_store::{
    BucketLock, Canary, Error, Fact, Facts, Held, Lock, LockMode, Quirks, Retention, Versioning,
};
use auditseal_vault::{Provider, Site};

use crate::check::{Check, Status};
use crate::units::{date, days, size, span};

/// What is known of a store.
#[derive(Debug, Clone)]
pub struct StoreFacts {
    /// Where it is.
    pub site: Site,
    /// The server instead of the cloud's own, for the commands.
    pub endpoint: Option<String>,
    /// The server that answers instead of the cloud's own, whoever named it.
    pub server: Option<String>,
    /// This machine's time, microseconds since the Unix epoch.
    pub now: i64,
    /// How firmly and how long everything must be locked, where that is demanded.
    pub require: Option<Retention>,
    /// What the bucket is set to.
    pub facts: Facts,
    /// In what the server differs from its cloud.
    pub quirks: Quirks,
    /// A directory on a file system whose rules are somebody else's: which kind.
    pub borrowed: Option<&'static str>,
    /// What lies in it.
    pub holds: Fact<Holds>,
    /// The lock of the newest object; none without objects.
    pub newest: Option<Fact<Lock>>,
    /// What came of putting the genesis once more; none without one.
    pub create_only: Option<Canary>,
}

/// What lies below the prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// How many versions were seen.
    pub versions: u64,
    /// Whether there are more than were looked at.
    pub more: bool,
    /// How many delete markers were seen.
    pub markers: u64,
    /// The key of a chain's first object.
    pub genesis: Option<String>,
    /// Whether the newest isn't known because there are too many.
    pub untold: bool,
    /// The newest version: its key, its id, and the store's date of it.
    pub newest: Option<(String, Option<String>, i64)>,
    /// Size of the largest version, bytes.
    pub largest: u64,
}

/// Bytes of lines at which a batch is closed where nothing else is set: about the largest object,
/// for not everything compresses.
const BATCH: u64 = 16 << 20;
/// What one put may have, bytes: AWS's documentation of PutObject, Google's of its quotas, Azure's
/// of Put Blob.
const S3_PUT: u64 = 5 << 30;
const GOOGLE_PUT: u64 = 5 << 40;
const AZURE_PUT: u64 = 5000 << 20;

/// Judges a store.
#[must_use]
pub fn check(store: &StoreFacts) -> Vec<Check> {
    let mut checks = vec![store.reach()];
    if store.site.provider == Provider::Directory {
        checks.push(store.directory());
        checks.push(store.create_only());
        return checks;
    }
    checks.extend([store.versioning(), store.lock(), store.newest_lock(), store.create_only()]);
    checks.extend([store.lifecycle(), store.public(), store.permissions(), store.encryption()]);
    checks.extend(store.soft_delete());
    checks.extend(store.uniform_access());
    checks.extend(store.checksum());
    checks.extend([store.largest_put(), store.clock()]);
    checks
}

/// What a lock is, in a few words.
pub(crate) fn describe(lock: &Lock) -> String {
    let mode = match lock.mode {
        LockMode::None => "no retention",
        LockMode::Undisclosed => "a policy whose state the store doesn't tell",
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    };
    let until = lock.until.map(|until| format!(" until {}", date(until))).unwrap_or_default();
    let hold = if lock.legal_hold { ", legal hold" } else { "" };
    format!("{mode}{until}{hold}")
}

/// What is demanded of a lock, in a few words.
fn demanded(require: Retention) -> String {
    let mode = if require.compliance { "COMPLIANCE" } else { "GOVERNANCE" };
    format!("{mode} for {} is demanded", span(require.duration))
}

/// The command that tells what Azure's storage service doesn't: whether a container's policy is
/// locked, and how long it is.
pub(crate) fn policy_command(site: &Site) -> String {
    azure_container(site, "immutability-policy show")
}

fn azure(site: &Site, what: &str) -> String {
    let account = site.account.as_deref().unwrap_or("\"$AZURE_STORAGE_ACCOUNT_NAME\"");
    format!("az storage {what} --account-name {account}")
}

fn azure_container(site: &Site, what: &str) -> String {
    let name = &site.bucket;
    format!("{} --container-name {name}", azure(site, &format!("container {what}")))
}

impl StoreFacts {
    fn aws(&self, what: &str) -> String {
        let endpoint = self.endpoint.as_ref().map(|url| format!(" --endpoint-url {url}"));
        format!("aws s3api {what} --bucket {}{}", self.site.bucket, endpoint.unwrap_or_default())
    }

    fn gcloud(&self, what: &str) -> String {
        format!("gcloud storage buckets update gs://{} {what}", self.site.bucket)
    }

    fn azure(&self, what: &str) -> String {
        azure(&self.site, what)
    }

    /// Below the archive, where a policy that allows its prefix alone lets the writer put, too: at
    /// the prefix itself worm-test puts nothing beside an archive. A directory must be there, and
    /// the test is suggested of empty ones only.
    fn worm_test(&self) -> String {
        let endpoint = self.endpoint.as_ref().map(|url| format!(" --endpoint {url}"));
        let below = match self.site.provider {
            Provider::Directory => "",
            _ => "/worm-test",
        };
        let (store, endpoint) = (&self.site.shown, endpoint.unwrap_or_default());
        format!("auditseal worm-test --store {store}{below}{endpoint}")
    }

    /// What to ask for where nothing is demanded.
    fn days(&self) -> u64 {
        days(self.require.map_or(Duration::from_secs(365 * 86_400), |require| require.duration))
    }

    /// The command that locks what is put by default.
    fn lock_command(&self) -> String {
        let days = self.days();
        match self.site.provider {
            Provider::S3 => self.aws(&format!(
                "put-object-lock-configuration --object-lock-configuration '{{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{{\"DefaultRetention\":{{\"Mode\":\"COMPLIANCE\",\"Days\":{days}}}}}}}'"
            )),
            Provider::Google => self.gcloud(&format!("--retention-period={days}d")),
            _ => azure_container(
                &self.site,
                &format!("immutability-policy create --period {days}"),
            ),
        }
    }

    fn reach(&self) -> Check {
        let name = "reach";
        let holds = match &self.holds {
            Ok(holds) => holds,
            Err(error) => return Check::unanswered(name, error).essential(),
        };
        let more = if holds.more { "more than " } else { "" };
        let found = format!("{more}{} versions of objects", holds.versions);
        if holds.markers == 0 {
            return Check::pass(name, found);
        }
        Check::warn(name, format!("{found}, {more}{} delete markers", holds.markers))
            .why("a marker hides an object from everybody who reads by key; auditseal deletes nothing")
            .fix("verify says which objects are hidden; find out who deleted them")
            .command(format!("auditseal verify --store {} --vkey VKEY", self.site.shown))
    }

    fn directory(&self) -> Check {
        Check::warn("worm", "a directory isn't WORM: whoever owns the files can change and delete them")
            .why("verify notices that, but what is gone is gone")
            .fix("keep the archive in a locked bucket, or copy this directory there; on its own disk, owned by another user, at least the node's attacker can't reach it")
    }

    fn versioning(&self) -> Check {
        let name = "versioning";
        if self.quirks.latest_only {
            return Check::fail(name, "the server lists no versions")
                .why("what is put over or deleted is gone, or can't be told from it: an object that was hidden shows as missing, and nothing says that its true version is still there")
                .fix("keep the archive in a store with versions and Object Lock; where the provider has a lock of its own (R2: bucket locks), set it: it refuses to overwrite and delete, though nobody can check that from here");
        }
        let versioning = match (&self.facts.versioning, self.site.provider) {
            (Ok(versioning), _) => *versioning,
            (Err(error), Provider::S3) => return Check::unanswered(name, error).essential(),
            (Err(error), _) => {
                return Check::unanswered(name, error)
                    .command(self.azure("account blob-service-properties show"));
            }
        };
        match (self.site.provider, versioning) {
            (Provider::S3, Versioning::On) => Check::pass(name, "on"),
            (Provider::S3, _) => {
                let word = if versioning == Versioning::Off { "off" } else { "suspended" };
                Check::fail(name, word)
                    .why("a put or a delete destroys what was there before; Object Lock needs versions")
                    .fix("turn it on")
                    .command(self.aws("put-bucket-versioning --versioning-configuration Status=Enabled"))
            }
            (_, Versioning::On) => Check::pass(name, "on: deleted objects stay as older versions"),
            _ => Check::pass(name, "off: an object is there or not, nothing can be shadowed"),
        }
    }

    /// Whether the newest object is known to be firmly locked, whatever the bucket says.
    fn newest_is_firm(&self) -> bool {
        matches!(&self.newest, Some(Ok(lock)) if lock.mode == LockMode::Compliance)
    }

    fn is_newest_untold(&self) -> bool {
        self.holds.as_ref().is_ok_and(|holds| holds.untold)
    }

    fn lock(&self) -> Check {
        let name = "lock";
        let lock = match &self.facts.lock {
            Ok(lock) => lock,
            Err(error) => return Check::unanswered(name, error).essential(),
        };
        let period = lock.period.map(|period| format!(", {}", span(period))).unwrap_or_default();
        if !lock.enabled {
            return self.not_lockable();
        }
        let short = self.require.filter(|must| lock.period.is_some_and(|is| is < must.duration));
        match (lock.mode, short) {
            (LockMode::Compliance, Some(must)) => self.short(format!("COMPLIANCE{period}"), must),
            (LockMode::Compliance, None) => {
                let word = if self.site.provider == Provider::Google {
                    "retention policy, locked"
                } else {
                    "COMPLIANCE by default"
                };
                Check::pass(name, format!("{word}{period}"))
            }
            (LockMode::Governance, short) => self.governance(lock, &period, short),
            (LockMode::Undisclosed, _) => self.undisclosed(),
            (LockMode::None, _) if self.newest_is_firm() => {
                Check::pass(name, "none by default; the newest object was locked by its writer")
            }
            (LockMode::None, _) => self.no_default(),
        }
    }

    fn short(&self, found: String, must: Retention) -> Check {
        Check::fail("lock", found)
            .why(format!("{} are demanded", span(must.duration)))
            .fix("lengthen it: that concerns what is put from now on")
            .command(self.lock_command())
    }

    fn undisclosed(&self) -> Check {
        let name = "lock";
        if self.newest_is_firm() {
            return Check::pass(
                name,
                "an immutability policy; the newest object's own lock is firm",
            );
        }
        Check::unknown(name, "an immutability policy; whether it is locked isn't told here")
            .essential()
            .why("an unlocked policy can be removed by whoever manages the container")
            .fix("look whether its state is Locked, and lock it if not")
            .command(policy_command(&self.site))
    }

    fn not_lockable(&self) -> Check {
        let (found, fix) = match self.site.provider {
            Provider::S3 => ("Object Lock is off", "turn it on; versioning must be on first"),
            Provider::Google => ("no retention policy", "set one, and lock it"),
            _ => ("no immutability policy", "set one, and lock it"),
        };
        Check::fail("lock", found)
            .why("whoever may delete can destroy the archive")
            .fix(fix)
            .command(self.lock_command())
    }

    fn governance(&self, lock: &BucketLock, period: &str, short: Option<Retention>) -> Check {
        let google = self.site.provider == Provider::Google;
        let firm = self.require.is_some_and(|require| require.compliance);
        let status = if firm { Status::Fail } else { Status::Warn };
        let (found, why, fix) = if google {
            (
                "retention policy, not locked",
                "whoever may update the bucket can take the policy away",
                "lock it; that can't be undone",
            )
        } else {
            (
                "GOVERNANCE by default",
                "whoever has s3:BypassGovernanceRetention can delete what is locked so",
                "COMPLIANCE binds the account's owner too",
            )
        };
        let found = format!("{found}{period}");
        if let (Some(must), false) = (short, firm) {
            return self.short(found, must);
        }
        let command = match (google, lock.period) {
            (true, _) => self.gcloud("--lock-retention-period"),
            _ => self.lock_command(),
        };
        Check::new("lock", status, found).why(why).fix(fix).command(command)
    }

    fn no_default(&self) -> Check {
        if self.site.provider == Provider::Azure {
            return Check::unknown("lock", "possible; what is locked by default isn't told here")
                .essential()
                .why("a container's default policy is told to those who manage it only")
                .fix("look whether there is one, and whether it is Locked")
                .command(policy_command(&self.site));
        }
        if self.is_newest_untold() {
            return Check::unknown("lock", "nothing is locked by default; whether its writer locks the newest object isn't known")
                .essential()
                .fix("let the bucket lock everything")
                .command(self.lock_command());
        }
        // Who locks each object by --retention has no default, and may have no object yet.
        let empty = self.newest.is_none() && self.require.is_none();
        let status = if empty { Status::Warn } else { Status::Fail };
        Check::new("lock", status, "possible, but nothing is locked by default")
            .why("an object is locked only if its writer asks for it, and a writer who may ask may forget")
            .fix("let the bucket lock everything")
            .command(self.lock_command())
    }

    fn newest_lock(&self) -> Check {
        let name = "newest-lock";
        if let Err(error) = &self.holds {
            return Check::unanswered(name, error);
        }
        let newest = self.holds.as_ref().ok().and_then(|holds| holds.newest.as_ref());
        if self.is_newest_untold() {
            return Check::unknown(name, "there are too many objects to find the newest")
                .essential()
                .why("what is locked by default now needn't be what was locked before")
                .fix("verify finds it, and compares each lock with what is demanded")
                .command(format!(
                    "auditseal verify --store {} --vkey VKEY --require-retention {}d",
                    self.site.shown,
                    self.days()
                ));
        }
        let (Some(lock), Some((_, _, put))) = (&self.newest, newest) else {
            return Check::unknown(name, "there is no object yet")
                .fix("worm-test puts a canary, and shows its lock")
                .command(self.worm_test());
        };
        let lock = match lock {
            Ok(lock) => lock,
            Err(error) => return Check::unanswered(name, error).essential(),
        };
        let found = describe(lock);
        if let Some(require) = self.require {
            return match require.judge(lock, *put) {
                Held::Enough => Check::pass(name, found),
                Held::Untold => {
                    let check = Check::unknown(name, found).essential().why(demanded(require));
                    match self.site.provider {
                        Provider::Azure => check.command(policy_command(&self.site)),
                        _ => check,
                    }
                }
                Held::Short(why) => Check::fail(name, found)
                    .why(format!("{}: {why}", demanded(require)))
                    .fix("correct what the bucket locks by default; what is stored can be locked longer, object by object")
                    .command(self.lock_command()),
            };
        }
        match lock.mode {
            LockMode::None => Check::fail(name, found)
                .why("whoever may delete can destroy the newest object, so probably all")
                .command(self.lock_command()),
            LockMode::Governance => {
                Check::warn(name, found).why("whoever may bypass GOVERNANCE can destroy it")
            }
            _ if lock.until.is_some_and(|until| until <= self.now) => {
                Check::warn(name, format!("{found}, which has passed"))
                    .why("from then on whoever may delete can destroy it")
            }
            _ => Check::pass(name, found),
        }
    }

    fn create_only(&self) -> Check {
        let name = "create-only";
        match &self.create_only {
            Some(Canary::Honoured) => Check::pass(name, "honoured: the genesis can't be put again"),
            Some(Canary::Ignored { .. }) => Check::fail(name, "ignored: the genesis was put again")
                .why("two writers of a chain would fork it unnoticed, and a late retry would make a second version")
                .fix("use a store that honours If-None-Match; there is no way around it"),
            Some(Canary::Unchecked(error)) => Check::unanswered(name, error),
            None => self.untried(name),
        }
    }

    /// There was nothing to try create-only puts on.
    fn untried(&self, name: &'static str) -> Check {
        if let Err(error) = &self.holds {
            return Check::unanswered(name, error);
        }
        let none = "there is no chain to try it on, and doctor puts nothing";
        let check = Check::unknown(name, none).command(self.worm_test());
        match self.borrowed {
            Some(kind) => check.why(format!("the directory is on {kind}, behind which there may be neither hard links nor a rename that replaces nothing: then no object can be put")),
            None => check,
        }
    }

    /// A server that wants what its cloud doesn't any more.
    fn checksum(&self) -> Option<Check> {
        let found = "the server takes no put without Content-MD5: it is sent beside SHA-256";
        self.quirks.wants_md5.then(|| Check::pass("checksum", found))
    }

    fn public(&self) -> Check {
        let name = "public-access";
        match (&self.facts.private, self.site.provider) {
            (Err(error), _) => Check::unanswered(name, error),
            (Ok(true), _) => Check::pass(name, "blocked"),
            (Ok(false), Provider::S3) => Check::warn(name, "not blocked for the bucket")
                .why("one policy or ACL could publish the audit log")
                .fix("block it, whatever policies say; the account's own block may do so already")
                .command(self.aws("put-public-access-block --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true")),
            (Ok(false), Provider::Google) => Check::warn(name, "prevention isn't enforced")
                .why("one binding to allUsers could publish the audit log")
                .command(self.gcloud("--public-access-prevention")),
            (Ok(false), _) => Check::fail(name, "the container is public")
                .why("everybody can read the audit log")
                .command(self.azure(&format!("container set-permission --name {} --public-access off", self.site.bucket))),
        }
    }

    fn permissions(&self) -> Check {
        let name = "permissions";
        match &self.facts.excess {
            Ok(excess) if excess.is_empty() => Check::pass(name, "none that a writer shouldn't have"),
            Ok(excess) => Check::warn(name, format!("more than a writer needs: {}", excess.join(", ")))
                .why("if these are the agent's credentials, whoever takes over a node has them too")
                .fix(match self.site.provider {
                    Provider::Azure => "give the agent an identity with a role of its own that neither overwrites nor deletes; of a signature's permissions it needs r, c and l",
                    _ => "give the agent roles/storage.objectCreator and roles/storage.objectViewer, nothing more",
                }),
            Err(error) => Check::unknown(name, error.to_string())
                .fix("worm-test tries what they allow, on an object of its own; run it with the agent's credentials")
                .command(self.worm_test()),
        }
    }

    fn encryption(&self) -> Check {
        let name = "encryption";
        match &self.facts.encryption {
            Ok(Some(words)) => Check::pass(name, words.as_str()),
            Ok(None) => Check::pass(name, "the store's own keys, if any"),
            Err(error) => Check::unanswered(name, error),
        }
    }

    fn uniform_access(&self) -> Option<Check> {
        let name = "uniform-access";
        match &self.facts.uniform_access {
            Ok(None) => None,
            Ok(Some(true)) => Some(Check::pass(name, "on: the bucket alone grants access")),
            Ok(Some(false)) => Some(
                Check::warn(name, "off: each object may grant access of its own")
                    .why(
                        "an object's ACL could let somebody read or own it, and no policy shows it",
                    )
                    .command(self.gcloud("--uniform-bucket-level-access")),
            ),
            Err(error) => Some(Check::unanswered(name, error)),
        }
    }

    /// Nothing is put to find it out: what was stored, or what the cloud says, must do.
    fn largest_put(&self) -> Check {
        let name = "largest-put";
        let seen = self.holds.as_ref().map_or(0, |holds| holds.largest);
        let batch = size(BATCH);
        if seen >= BATCH {
            return Check::pass(name, format!("it took an object of {}", size(seen)));
        }
        let said = match self.site.provider {
            Provider::S3 => S3_PUT,
            Provider::Google => GOOGLE_PUT,
            _ => AZURE_PUT,
        };
        if self.server.is_none() {
            let found = format!("{} by the cloud's documentation, a batch has {batch}", size(said));
            return Check::pass(name, found);
        }
        let found = match seen {
            0 => "the server doesn't tell, and nothing is stored yet".to_owned(),
            _ => format!("the server doesn't tell; the largest object so far has {}", size(seen)),
        };
        Check::unknown(name, found)
            .why(format!("a batch has up to {batch} unless --batch-size or one line says more; what refuses it with 413 stops the chain there"))
            .fix("let the server, and any proxy before it, take more than --batch-size: in nginx client_max_body_size")
    }

    fn clock(&self) -> Check {
        let name = "clock";
        let time = match &self.facts.time {
            Ok(time) => *time,
            Err(error) => return Check::unanswered(name, error),
        };
        // The store wrote its date at some moment between request and answer, in whole seconds.
        let (off, side) = match time.store > time.answered {
            true => (time.store.abs_diff(time.answered), "behind"),
            false => (time.asked.max(time.store).abs_diff(time.store), "ahead of"),
        };
        let off = Duration::from_micros(off);
        let found = format!("{} {side} the store's", span(off));
        match off.as_secs() {
            0..10 => Check::pass(name, "agrees with the store's"),
            10..300 => Check::warn(name, found)
                .why("verify holds the seals' times against the store's dates")
                .fix("let this machine's clock be set by NTP")
                .command("timedatectl set-ntp true"),
            _ => Check::fail(name, found)
                .why("signatures are refused from 15 minutes on, retentions end too early or too late, and verify doubts the seals' times")
                .fix("let this machine's clock be set by NTP")
                .command("timedatectl set-ntp true"),
        }
    }
}

/// Facts that are all unknown for one reason, for a store that couldn't even be opened.
pub(crate) fn unreachable(error: &Error) -> Vec<Check> {
    vec![Check::unanswered("reach", error).essential()]
}

#[cfg(test)]
mod tests;
