//! What a bucket's configuration says, read from the clouds.

use std::time::Duration;

use object_store::azure::AzureCredential;
use object_store::client::HttpError;
use reqwest::Method;
use serde::Deserialize;

use auditseal_store::{
    BucketLock, Error, Fact, Facts, Kind, LifecycleRule, LockMode, MARK, StoreTime, Versioning,
};

use crate::call::Call;
use crate::request::{Cloud, Dialect, Reply, Signer};
use crate::xml::{self, Fields, Page};
use crate::{date, translate};

/// Asks a cloud about its bucket; changes nothing.
pub(crate) async fn read(call: &Call, cloud: &Cloud) -> Facts {
    let asking = Asking { call, cloud };
    match &cloud.dialect {
        Dialect::S3 { bucket } => asking.s3(bucket).await,
        Dialect::Google { json, .. } => asking.google(json).await,
        Dialect::Azure { container } => asking.azure(container).await,
    }
}

const DAY: u64 = 86_400;

/// Google's permissions that would let a writer of an archive undo it.
const EXCESS: [&str; 7] = [
    "storage.objects.delete",
    "storage.objects.update",
    "storage.objects.overrideUnlockedRetention",
    "storage.objects.setRetention",
    "storage.objects.setIamPolicy",
    "storage.buckets.update",
    "storage.buckets.setIamPolicy",
];

struct Asking<'a> {
    call: &'a Call,
    cloud: &'a Cloud,
}

impl Asking<'_> {
    async fn s3(&self, bucket: &str) -> Facts {
        let (versioning, time) = match self.get(bucket, "versioning").await {
            Ok(reply) => {
                let page = self.page(&reply, "VersioningConfiguration", &[]);
                (page.map(|page| versioning(&page.fields)), self.time(&reply))
            }
            Err(error) => (Err(self.call.http(&error)), Err(self.call.http(&error))),
        };
        let lock = self
            .ask(bucket, "object-lock", "ObjectLockConfiguration", &[])
            .await
            .and_then(|page| self.s3_lock(&page.unwrap_or_default().fields));
        let rules = self.ask(bucket, "lifecycle", "LifecycleConfiguration", &["Rule"]).await;
        let lifecycle = rules.map(|page| {
            page.unwrap_or_default().records.iter().map(|(_, fields)| s3_rule(fields)).collect()
        });
        let root = "PublicAccessBlockConfiguration";
        let private = self.ask(bucket, "publicAccessBlock", root, &[]).await.map(|page| {
            let fields = page.unwrap_or_default().fields;
            let blocks = [
                "BlockPublicAcls",
                "IgnorePublicAcls",
                "BlockPublicPolicy",
                "RestrictPublicBuckets",
            ];
            blocks.iter().all(|name| text(&fields, name) == "true")
        });
        let root = "ServerSideEncryptionConfiguration";
        let encryption = self.ask(bucket, "encryption", root, &[]).await.map(|page| {
            let fields = page.unwrap_or_default().fields;
            let of =
                |name| text(&fields, &format!("Rule/ApplyServerSideEncryptionByDefault/{name}"));
            let words = format!("{} {}", of("SSEAlgorithm"), of("KMSMasterKeyID"));
            Some(words.trim().to_owned()).filter(|words| !words.is_empty())
        });
        Facts {
            time,
            versioning,
            lock,
            lifecycle,
            private,
            encryption,
            soft_delete: Ok(Duration::ZERO),
            uniform_access: Ok(None),
            excess: Err(self.untold("S3 has no question for what one may do")),
        }
    }

    fn s3_lock(&self, fields: &Fields) -> Fact<BucketLock> {
        let of = |name| text(fields, &format!("Rule/DefaultRetention/{name}"));
        let mode = match of("Mode").as_str() {
            "COMPLIANCE" => LockMode::Compliance,
            "GOVERNANCE" => LockMode::Governance,
            "" => LockMode::None,
            _ => return Err(self.unreadable("the default retention's mode isn't known")),
        };
        let days = match (of("Days").parse::<u64>(), of("Years").parse::<u64>()) {
            (Ok(days), _) => Some(days),
            (_, Ok(years)) => Some(years.saturating_mul(365)),
            _ if mode == LockMode::None => None,
            _ => return Err(self.unreadable("the default retention has no period")),
        };
        let period = days.map(|days| Duration::from_secs(days.saturating_mul(DAY)));
        Ok(BucketLock { enabled: text(fields, "ObjectLockEnabled") == "Enabled", mode, period })
    }

    async fn google(&self, json: &str) -> Facts {
        let reply = match self.get(json, "").await {
            Ok(reply) => reply,
            Err(error) => return Facts::unknown(&self.call.http(&error)),
        };
        let time = self.time(&reply);
        let bucket: GoogleBucket = match serde_json::from_slice(&reply.body) {
            Ok(bucket) => bucket,
            Err(error) => return Facts::unknown(&self.unreadable(&error.to_string())),
        };
        let on = bucket.versioning.is_some_and(|versioning| versioning.enabled);
        let policy = bucket.retention_policy;
        let enabled = policy.is_some() || bucket.object_retention.is_some();
        let lock = match policy {
            None => Ok(BucketLock { enabled, mode: LockMode::None, period: None }),
            Some(policy) => match policy.retention_period.parse() {
                Err(_) => Err(self.unreadable("the retention policy has no period")),
                Ok(seconds) => {
                    let period = Some(Duration::from_secs(seconds));
                    let mode = match policy.is_locked {
                        true => LockMode::Compliance,
                        false => LockMode::Governance,
                    };
                    Ok(BucketLock { enabled, mode, period })
                }
            },
        };
        let rules = bucket.lifecycle.unwrap_or_default().rule;
        let access = bucket.iam_configuration.unwrap_or_default();
        let kept = bucket.soft_delete_policy.unwrap_or_default().retention_duration_seconds;
        Facts {
            time,
            versioning: Ok(if on { Versioning::On } else { Versioning::Off }),
            lock,
            lifecycle: Ok(rules.iter().flat_map(GoogleRule::plain).collect()),
            private: Ok(access.public_access_prevention == "enforced"),
            encryption: Ok(bucket.encryption.and_then(|key| key.default_kms_key_name)),
            soft_delete: Ok(Duration::from_secs(kept.parse().unwrap_or(0))),
            uniform_access: Ok(Some(access.uniform_bucket_level_access.enabled)),
            excess: self.google_excess(json).await,
        }
    }

    async fn google_excess(&self, json: &str) -> Fact<Vec<String>> {
        let query = EXCESS.map(|permission| ("permissions", permission));
        let reply = self.cloud.send(Method::GET, json, "iam/testPermissions", &query, &[]).await;
        let reply = reply.map_err(|error| self.call.http(&error))?;
        let granted: GooglePermissions = serde_json::from_slice(&reply.body)
            .map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(granted.permissions)
    }

    async fn azure(&self, container: &str) -> Facts {
        let query = [("restype", "container")];
        let reply = match self.cloud.send(Method::HEAD, container, "", &query, &[]).await {
            Ok(reply) => reply,
            Err(error) => return Facts::unknown(&self.call.http(&error)),
        };
        let untold = || {
            self.untold("the storage service doesn't tell")
                .with_hint("Azure tells it through its management interface: az storage account blob-service-properties show")
        };
        let says = |name: &str| reply.header(name).eq_ignore_ascii_case("true");
        let by_version = says("x-ms-immutable-storage-with-versioning-enabled");
        let policy = says("x-ms-has-immutability-policy");
        let mode = if policy { LockMode::Undisclosed } else { LockMode::None };
        let scope = reply.header("x-ms-default-encryption-scope");
        let default = ["", "$account-encryption-key"].contains(&scope);
        Facts {
            time: self.time(&reply),
            // Locks by version are only to be had where versions are kept.
            versioning: if by_version { Ok(Versioning::On) } else { Err(untold()) },
            lock: Ok(BucketLock { enabled: by_version || policy, mode, period: None }),
            lifecycle: Err(untold()),
            private: Ok(reply.header("x-ms-blob-public-access").is_empty()),
            encryption: Ok((!default).then(|| scope.to_owned())),
            soft_delete: Err(untold()),
            uniform_access: Ok(None),
            excess: self.azure_excess().await,
        }
    }

    fn untold(&self, why: &str) -> Error {
        self.call.error(Kind::Denied, why)
    }

    async fn get(&self, base: &str, question: &str) -> Result<Reply, HttpError> {
        let query = [(question, "")];
        let query = if question.is_empty() { &[][..] } else { &query[..] };
        self.cloud.send(Method::GET, base, "", query, &[]).await
    }

    /// Asks S3 for one of a bucket's settings; none when it was never set.
    async fn ask(
        &self,
        bucket: &str,
        question: &str,
        root: &str,
        records: &[&str],
    ) -> Fact<Option<Page>> {
        match self.get(bucket, question).await {
            Ok(reply) => self.page(&reply, root, records).map(Some),
            Err(error) if never_set(&error) => Ok(None),
            Err(error) => Err(self.call.http(&error)),
        }
    }

    fn page(&self, reply: &Reply, root: &str, records: &[&str]) -> Fact<Page> {
        xml::page(&reply.body, root, records).map_err(|why| self.unreadable(&why))
    }

    fn time(&self, reply: &Reply) -> Fact<StoreTime> {
        let store = date::parse(reply.header("date"));
        let store = store.ok_or_else(|| self.unreadable("it has no date"))?;
        Ok(StoreTime { store, asked: reply.asked, answered: reply.answered })
    }

    /// What Azure's credentials may do, as far as they say so themselves.
    async fn azure_excess(&self) -> Fact<Vec<String>> {
        let untold = "Azure's storage service has no question for what one may do";
        let Signer::Azure { credentials, .. } = &*self.cloud.signer else {
            return Err(self.untold(untold));
        };
        let credential = credentials.get_credential().await;
        match credential.as_deref() {
            Ok(AzureCredential::AccessKey(_)) => {
                Ok(vec!["everything, for this is the account's key".to_owned()])
            }
            Ok(AzureCredential::SASToken(parts)) => {
                let excess = signature_excess(parts);
                excess.ok_or_else(|| self.untold("the signature's permissions are elsewhere"))
            }
            _ => Err(self.untold(untold)),
        }
    }

    fn unreadable(&self, why: &str) -> Error {
        self.call.error(Kind::Unavailable, &format!("the answer can't be understood: {why}"))
    }
}

/// What a shared access signature permits beyond reading, listing and creating. None when that is
/// in a policy that it only names. Only our own words leave here, nothing of the signature.
fn signature_excess(parts: &[(String, String)]) -> Option<Vec<String>> {
    let of = |name: &str| parts.iter().find(|(is, _)| is == name).map(|(_, text)| text.as_str());
    let permissions = of("sp")?;
    // For an account's signature `p` concerns queues.
    let whole_account = of("ss").is_some();
    let excess = [
        ('w', "w (overwrite)"),
        ('d', "d (delete)"),
        ('x', "x (delete versions)"),
        ('y', "y (delete for good)"),
        ('m', "m (move)"),
        ('o', "o (change owners)"),
        ('p', "p (change permissions)"),
        ('i', "i (change immutability policies and legal holds)"),
        ('t', "t (set tags, by which what is packed expires)"),
    ];
    let granted = |letter| permissions.contains(letter) && !(letter == 'p' && whole_account);
    let found = excess.iter().filter(|(letter, _)| granted(*letter));
    Some(found.map(|(_, words)| (*words).to_owned()).collect())
}

/// S3's words for a setting that was never made.
fn never_set(error: &HttpError) -> bool {
    const CODES: [&str; 4] = [
        "ObjectLockConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
    ];
    translate::failed_exchange(error).is_some_and(|failure| CODES.contains(&failure.code()))
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn versioning(fields: &Fields) -> Versioning {
    match text(fields, "Status").as_str() {
        "Enabled" => Versioning::On,
        "Suspended" => Versioning::Suspended,
        _ => Versioning::Off,
    }
}

fn s3_rule(fields: &Fields) -> LifecycleRule {
    let has = |start: &str| {
        let mut names = fields.range(start.to_owned()..).map(|(name, _)| name);
        names.next().is_some_and(|name| name.starts_with(start))
    };
    let prefixes = ["Prefix", "Filter/Prefix", "Filter/And/Prefix"];
    let prefix = prefixes.iter().map(|name| text(fields, name)).find(|prefix| !prefix.is_empty());
    let moves = ["Transition/StorageClass", "NoncurrentVersionTransition/StorageClass"];
    let classes = moves.iter().flat_map(|name| xml::all(fields, name)).map(str::trim);
    LifecycleRule {
        id: text(fields, "ID"),
        enabled: text(fields, "Status") == "Enabled",
        prefix: prefix.unwrap_or_default(),
        marked_only: selects_marked(fields),
        // Removing markers that hide nothing any more removes no object.
        expires: has("Expiration/Days") || has("Expiration/Date"),
        expires_versions: has("NoncurrentVersionExpiration"),
        moves_to: classes.filter(|class| !class.is_empty()).map(str::to_owned).collect(),
    }
}

/// Whether a rule is for what carries the mark alone, or that and more.
fn selects_marked(fields: &Fields) -> bool {
    ["Filter/Tag", "Filter/And/Tag"].iter().any(|tag| {
        let (names, values) = (format!("{tag}/Key"), format!("{tag}/Value"));
        let tags: Vec<_> = xml::all(fields, &names).zip(xml::all(fields, &values)).collect();
        // Where one of them lacks a part, which belongs to which isn't known.
        let whole = xml::all(fields, &names).count() == xml::all(fields, &values).count();
        whole && tags.contains(&MARK)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleBucket {
    versioning: Option<GoogleVersioning>,
    retention_policy: Option<GooglePolicy>,
    object_retention: Option<serde::de::IgnoredAny>,
    lifecycle: Option<GoogleLifecycle>,
    iam_configuration: Option<GoogleAccess>,
    encryption: Option<GoogleKey>,
    soft_delete_policy: Option<GoogleSoftDelete>,
}

#[derive(Deserialize)]
struct GoogleVersioning {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GooglePolicy {
    retention_period: String,
    #[serde(default)]
    is_locked: bool,
}

#[derive(Deserialize, Default)]
struct GoogleLifecycle {
    #[serde(default)]
    rule: Vec<GoogleRule>,
}

#[derive(Deserialize)]
struct GoogleRule {
    action: GoogleAction,
    #[serde(default)]
    condition: GoogleCondition,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleAction {
    r#type: String,
    storage_class: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GoogleCondition {
    is_live: Option<bool>,
    num_newer_versions: Option<u64>,
    days_since_custom_time: Option<u64>,
    custom_time_before: Option<String>,
    #[serde(default)]
    matches_prefix: Vec<String>,
}

impl GoogleRule {
    /// The rule once for each beginning of keys that it covers.
    fn plain(&self) -> Vec<LifecycleRule> {
        let deletes = self.action.r#type == "Delete";
        let newer = self.condition.num_newer_versions.unwrap_or(0) > 0;
        let all = [String::new()];
        let prefixes = match &self.condition.matches_prefix[..] {
            [] => &all[..],
            some => some,
        };
        let rule = |prefix: &String| LifecycleRule {
            id: String::new(),
            enabled: true,
            prefix: prefix.clone(),
            // Nothing without a custom time meets either. Zero days may stand for no condition at all.
            marked_only: self.condition.days_since_custom_time.unwrap_or(0) > 0
                || self.condition.custom_time_before.is_some(),
            expires: deletes && self.condition.is_live != Some(false) && !newer,
            expires_versions: deletes && self.condition.is_live != Some(true),
            moves_to: self.action.storage_class.iter().cloned().collect(),
        };
        prefixes.iter().map(rule).collect()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GoogleAccess {
    #[serde(default)]
    public_access_prevention: String,
    #[serde(default)]
    uniform_bucket_level_access: GoogleUniform,
}

#[derive(Deserialize, Default)]
struct GoogleUniform {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct GooglePermissions {
    /// Absent when none is granted; the kind tells such an answer from any other JSON.
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(rename = "kind")]
    _kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleKey {
    default_kms_key_name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GoogleSoftDelete {
    #[serde(default)]
    retention_duration_seconds: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_signature_permits_beyond_a_writers_needs() {
        let excess = |token: &str| {
            let pairs = token.split('&').filter_map(|pair| pair.split_once('='));
            let pairs: Vec<_> = pairs.map(|(name, text)| (name.into(), text.into())).collect();
            signature_excess(&pairs)
        };
        let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(excess("sv=1&sp=rcl&sr=c&sig=abc"), words(&[]));
        assert_eq!(excess("sp=racwl&sig=abc"), words(&["w (overwrite)"]));
        assert_eq!(
            excess("sp=rwdxyi&sig=abc"),
            words(&[
                "w (overwrite)",
                "d (delete)",
                "x (delete versions)",
                "y (delete for good)",
                "i (change immutability policies and legal holds)",
            ])
        );
        assert_eq!(
            excess("sp=rclmop"),
            words(&["m (move)", "o (change owners)", "p (change permissions)"])
        );
        assert_eq!(excess("ss=bq&srt=co&sp=rclupf"), words(&[]));
        let tags = words(&["t (set tags, by which what is packed expires)"]);
        assert_eq!((excess("sp=rclt"), excess("ss=b&srt=co&sp=rclt")), (tags.clone(), tags));
        assert_eq!(excess("si=policy&sig=abc"), None);
    }
}
