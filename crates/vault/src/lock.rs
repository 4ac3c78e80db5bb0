//! Reading what a cloud says about the lock of a version.

use bytes::Bytes;
use object_store::client::HttpError;
use reqwest::Method;
use serde::Deserialize;

use crate::call::Call;
use crate::request::{Cloud, Dialect, Reply, encode};
use crate::{date, translate, xml};
use auditseal_store::{Error, Kind};
use auditseal_store::{Lock, LockMode, LockedBy};

/// Asks for the lock of the object at `path` in the bucket.
pub(crate) async fn read(
    call: &Call,
    cloud: &Cloud,
    path: &str,
    version: Option<&str>,
) -> Result<Lock, Error> {
    let asking = Asking { call, cloud, path: encode(path, "/"), version };
    match &cloud.dialect {
        Dialect::S3 { bucket } => asking.s3(bucket).await,
        Dialect::Google { json, .. } => asking.google(json, path).await,
        Dialect::Azure { container } => asking.azure(container).await,
    }
}

struct Asking<'a> {
    call: &'a Call,
    cloud: &'a Cloud,
    path: String,
    version: Option<&'a str>,
}

impl Asking<'_> {
    async fn s3(&self, bucket: &str) -> Result<Lock, Error> {
        let mut query = Vec::new();
        query.extend(self.version.map(|id| ("versionId", id)));
        let reply = match self.send(Method::HEAD, bucket, &query).await {
            Ok(reply) => reply,
            // An answer to HEAD has no body that would tell an absent object from a proxy's page.
            Err(error) if is_mute(&error) => self
                .cloud
                .send(Method::GET, bucket, &self.path, &query, &[("range", "bytes=0-0")])
                .await
                .map_err(|error| self.call.http(&error))?,
            Err(error) => return Err(self.call.http(&error)),
        };
        self.call.check_version(self.version, Some(reply.header("x-amz-version-id")))?;
        let legal_hold = reply.header("x-amz-object-lock-legal-hold").eq_ignore_ascii_case("ON");
        let mode = reply.header("x-amz-object-lock-mode");
        if !mode.is_empty() {
            let until = reply.header("x-amz-object-lock-retain-until-date");
            return self.s3_lock(mode, until, legal_hold);
        }
        // Whoever may not know gets no header either: only this question tells the two apart.
        query.push(("retention", ""));
        match self.send(Method::GET, bucket, &query).await {
            Ok(reply) => self.s3_retention(&reply.body, legal_hold),
            Err(error) if means_no_lock(&error) || self.s3_never_locks(bucket, &error).await => {
                Ok(Lock { legal_hold, ..Lock::NONE })
            }
            Err(error) => Err(match self.call.http(&error) {
                denied if denied.kind() == Kind::Denied => {
                    denied.with_hint("to read a lock, the credentials need s3:GetObjectRetention")
                }
                other => other,
            }),
        }
    }

    /// Whether a question about a retention was refused because the bucket locks nothing: SeaweedFS
    /// finds it invalid without saying why.
    async fn s3_never_locks(&self, bucket: &str, refused: &HttpError) -> bool {
        if translate::failed_exchange(refused).is_none_or(|why| why.code() != "InvalidRequest") {
            return false;
        }
        let asked = self.cloud.send(Method::GET, bucket, "", &[("object-lock", "")], &[]).await;
        asked.is_err_and(|error| means_no_lock(&error))
    }

    fn s3_retention(&self, body: &Bytes, legal_hold: bool) -> Result<Lock, Error> {
        let page = xml::page(body, "Retention", &[]).map_err(|why| self.unreadable(&why))?;
        let field = |name: &str| page.fields.get(name).map_or("", |text| text.trim());
        match field("Mode") {
            "" => Ok(Lock { legal_hold, ..Lock::NONE }),
            mode => self.s3_lock(mode, field("RetainUntilDate"), legal_hold),
        }
    }

    fn s3_lock(&self, mode: &str, until: &str, legal_hold: bool) -> Result<Lock, Error> {
        let mode = match mode.to_ascii_uppercase().as_str() {
            "COMPLIANCE" => LockMode::Compliance,
            "GOVERNANCE" => LockMode::Governance,
            _ => return Err(self.unreadable("its mode isn't known")),
        };
        let until = date::parse(until).ok_or_else(|| self.unreadable("its date isn't readable"))?;
        Ok(Lock { mode, until: Some(until), legal_hold, by: LockedBy::Version })
    }

    async fn google(&self, json: &str, path: &str) -> Result<Lock, Error> {
        let mut query = vec![(
            "fields",
            "generation,retention,retentionExpirationTime,temporaryHold,eventBasedHold",
        )];
        query.extend(self.version.map(|id| ("generation", id)));
        let path = format!("o/{}", encode(path, ""));
        let reply = self.cloud.send(Method::GET, json, &path, &query, &[]).await;
        let reply = reply.map_err(|error| self.call.http(&error))?;
        let object: GoogleObject = self.json(&reply)?;
        self.call.check_version(self.version, object.generation.as_deref())?;
        let legal_hold = object.temporary_hold || object.event_based_hold;
        let mut lock = Lock { legal_hold, ..Lock::NONE };
        if let Some(retention) = object.retention {
            let mode = match retention.mode.to_ascii_lowercase().as_str() {
                "locked" => LockMode::Compliance,
                "unlocked" => LockMode::Governance,
                _ => return Err(self.unreadable("its mode isn't known")),
            };
            lock = Lock { mode, until: Some(self.date(&retention.retain_until_time)?), ..lock };
        }
        let Some(expires) = object.retention_expiration_time else { return Ok(lock) };
        let expires = self.date(&expires)?;
        if lock.mode == LockMode::Compliance && lock.until >= Some(expires) {
            return Ok(lock);
        }
        // The later of the object's own and the bucket's, but only the bucket says how firm its is.
        let query = [("fields", "retentionPolicy")];
        let reply = self.cloud.send(Method::GET, json, "", &query, &[]).await;
        let reply = reply.map_err(|error| self.call.http(&error))?;
        let bucket: GoogleBucket = self.json(&reply)?;
        let mode = match bucket.retention_policy {
            Some(GooglePolicy { is_locked: true }) => LockMode::Compliance,
            Some(GooglePolicy { is_locked: false }) => LockMode::Governance,
            None => return Ok(lock),
        };
        if (mode, Some(expires)) > (lock.mode, lock.until) {
            lock = Lock { mode, until: Some(expires), legal_hold, by: LockedBy::Bucket };
        }
        Ok(lock)
    }

    async fn azure(&self, container: &str) -> Result<Lock, Error> {
        let mut query = Vec::new();
        query.extend(self.version.map(|id| ("versionid", id)));
        let reply = self.send(Method::HEAD, container, &query).await;
        let reply = reply.map_err(|error| self.call.http(&error))?;
        self.call.check_version(self.version, Some(reply.header("x-ms-version-id")))?;
        let legal_hold = reply.header("x-ms-legal-hold").eq_ignore_ascii_case("true");
        let mode = match reply.header("x-ms-immutability-policy-mode").to_ascii_lowercase().as_str()
        {
            "locked" => LockMode::Compliance,
            "unlocked" => LockMode::Governance,
            "" | "mutable" => LockMode::None,
            _ => return Err(self.unreadable("its mode isn't known")),
        };
        if mode != LockMode::None {
            let until = self.date(reply.header("x-ms-immutability-policy-until-date"))?;
            return Ok(Lock { mode, until: Some(until), legal_hold, by: LockedBy::Version });
        }
        let query = [("restype", "container")];
        let reply = self.cloud.send(Method::HEAD, container, "", &query, &[]).await;
        let reply = reply.map_err(|error| {
            let error = self.call.http(&error);
            error.with_hint("the object has no lock of its own, and whether its container has one can't be read: the credentials need to read the container's properties")
        })?;
        let says = |name: &str| reply.header(name).eq_ignore_ascii_case("true");
        let legal_hold = legal_hold || says("x-ms-has-legal-hold");
        if says("x-ms-has-immutability-policy") {
            let mode = LockMode::Undisclosed;
            return Ok(Lock { mode, until: None, legal_hold, by: LockedBy::Bucket });
        }
        Ok(Lock { legal_hold, ..Lock::NONE })
    }

    async fn send(
        &self,
        method: Method,
        base: &str,
        query: &[(&str, &str)],
    ) -> Result<Reply, HttpError> {
        self.cloud.send(method, base, &self.path, query, &[]).await
    }

    fn unreadable(&self, why: &str) -> Error {
        self.call.error(Kind::Unavailable, &format!("the answer can't be understood: {why}"))
    }

    fn date(&self, text: &str) -> Result<i64, Error> {
        date::parse(text).ok_or_else(|| self.unreadable("its date isn't readable"))
    }

    fn json<'a, T: Deserialize<'a>>(&self, reply: &'a Reply) -> Result<T, Error> {
        serde_json::from_slice(&reply.body).map_err(|error| self.unreadable(&error.to_string()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleObject {
    generation: Option<String>,
    retention: Option<GoogleRetention>,
    retention_expiration_time: Option<String>,
    #[serde(default)]
    temporary_hold: bool,
    #[serde(default)]
    event_based_hold: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleRetention {
    mode: String,
    retain_until_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleBucket {
    retention_policy: Option<GooglePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GooglePolicy {
    #[serde(default)]
    is_locked: bool,
}

/// An error answer without the store's own code.
fn is_mute(error: &HttpError) -> bool {
    translate::failed_exchange(error)
        .is_some_and(|failure| failure.status().is_some() && failure.code().is_empty())
}

/// Servers differ in how they say that a version, or its whole bucket, has no lock.
fn means_no_lock(error: &HttpError) -> bool {
    let Some(failure) = translate::failed_exchange(error) else { return false };
    match failure.code() {
        "NoSuchObjectLockConfiguration"
        | "ObjectLockConfigurationNotFoundError"
        | "NoSuchRetention"
        | "NotImplemented" => true,
        // AWS and MinIO: "Bucket is missing Object Lock Configuration".
        "InvalidRequest" => failure.to_string().to_ascii_lowercase().contains("missing object"),
        _ => false,
    }
}
