//! How each kind of store is attacked: the requests that an attacker with its credentials sends.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::client::HttpError;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::backend::Backend;
use crate::call::{Call, Home};
use crate::request::{Cloud, Dialect, Reply, encode};
use crate::{checksum, date, translate, xml};
use auditseal_attack::{Answer, Attempt, CanaryKey, Order, Weapon};
use auditseal_store::Kind;
use auditseal_store::{LockMode, LockedBy, Store};

/// A shortened retention ends so much later than now: stores take no date that has passed.
const SOON: Duration = Duration::from_secs(60);

/// The weapon for an opened store.
pub(crate) fn of(backend: Backend, clock: fn() -> SystemTime) -> Box<dyn Weapon> {
    Box::new(Wielded { backend, clock })
}

struct Wielded {
    backend: Backend,
    clock: fn() -> SystemTime,
}

#[async_trait]
impl Weapon for Wielded {
    fn knows(&self, attempt: Attempt) -> bool {
        use Attempt::*;
        let bypassing = matches!(attempt, ShortenBypassing | DeleteBypassing | DeleteBatch);
        match self.backend.home() {
            Home::Directory(_) => matches!(attempt, CreateAgain | Overwrite | Rename | Delete),
            Home::Cloud(cloud) => match &cloud.dialect {
                Dialect::S3 { .. } => !matches!(attempt, Rename | DeleteForGood),
                Dialect::Google { .. } => !bypassing && !matches!(attempt, Rename | DeleteForGood),
                Dialect::Azure { .. } => !bypassing && attempt != Rename,
            },
        }
    }

    async fn carry_out(&self, key: &CanaryKey, order: &Order<'_>) -> Answer {
        let (call, home, path) = match self.backend.range(key.as_str()) {
            Ok(range) => range,
            Err(error) => return Answer::Silent(error),
        };
        match home {
            Home::Directory(_) if order.attempt == Attempt::CreateAgain => {
                // As the archive's own objects are put.
                match self.backend.put_new(key.as_str(), order.bytes.clone()).await {
                    Ok(_) => Answer::Accepted("done".to_owned()),
                    Err(error) if error.kind() == Kind::AlreadyExists => {
                        Answer::Refused("the name is taken".to_owned())
                    }
                    Err(error) => Answer::Silent(error),
                }
            }
            Home::Directory(at) => on_file(&at.root.join(path.as_ref()), order),
            Home::Cloud(cloud) => {
                let put = self.backend.encryption();
                let path = path.as_ref();
                let strike = Strike { call: &call, cloud, path, put, clock: self.clock };
                match &cloud.dialect {
                    Dialect::S3 { bucket } => strike.s3(bucket, order).await,
                    Dialect::Google { bucket, json } => strike.google(bucket, json, order).await,
                    Dialect::Azure { container } => strike.azure(container, order).await,
                }
            }
        }
    }

    async fn clear(&self, key: &CanaryKey, version: Option<&str>) -> Answer {
        let attempt = Attempt::DeleteVersion;
        if let Home::Directory(at) = self.backend.home() {
            return match self.backend.range(key.as_str()) {
                Ok((_, _, path)) => clear_file(&at.root, &at.root.join(path.as_ref())),
                Err(error) => Answer::Silent(error),
            };
        }
        self.carry_out(key, &Order { attempt, version, bytes: Bytes::new(), lock: None }).await
    }
}

/// The requests against one canary.
struct Strike<'a> {
    call: &'a Call,
    cloud: &'a Cloud,
    path: &'a str,
    /// What each put carries, or it would be refused for want of that.
    put: Headers,
    clock: fn() -> SystemTime,
}

type Headers = Vec<(HeaderName, HeaderValue)>;
type Sent = Result<Reply, HttpError>;

impl Strike<'_> {
    async fn s3(&self, bucket: &str, order: &Order<'_>) -> Answer {
        let path = encode(self.path, "/");
        let version: Vec<_> = order.version.map(|id| ("versionId", id)).into_iter().collect();
        let of = |question| {
            let mut query = vec![(question, "")];
            query.extend(version.clone());
            query
        };
        let bypass = || fixed(&[("x-amz-bypass-governance-retention", "true")]);
        let sent = match order.attempt {
            attempt @ (Attempt::CreateAgain | Attempt::PutOverMarker | Attempt::Overwrite) => {
                let mut headers = [checksum::of_request(&order.bytes), self.put.clone()].concat();
                if attempt != Attempt::Overwrite {
                    headers.extend(fixed(&[("if-none-match", "*")]));
                }
                let body = order.bytes.clone();
                self.cloud.send_body(Method::PUT, bucket, &path, &[], headers, body).await
            }
            Attempt::Delete => self.cloud.send(Method::DELETE, bucket, &path, &[], &[]).await,
            Attempt::DeleteBatch => {
                let body = batch(self.path, order.version);
                let headers = [checksum::of_request(&body), bypass()].concat();
                let query = [("delete", "")];
                let sent =
                    self.cloud.send_body(Method::POST, bucket, "", &query, headers, body).await;
                return self.batch_answer(sent);
            }
            Attempt::DeleteVersion => {
                self.cloud.send(Method::DELETE, bucket, &path, &version, &[]).await
            }
            Attempt::DeleteBypassing => {
                let headers = [("x-amz-bypass-governance-retention", "true")];
                self.cloud.send(Method::DELETE, bucket, &path, &version, &headers).await
            }
            Attempt::LiftHold => {
                let body = Bytes::from_static(b"<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>OFF</Status></LegalHold>");
                let (query, headers) = (of("legal-hold"), checksum::of_request(&body));
                self.cloud.send_body(Method::PUT, bucket, &path, &query, headers, body).await
            }
            attempt => {
                let Some(body) = self.s3_retention(attempt, order) else { return no_date() };
                let mut headers = checksum::of_request(&body);
                if attempt != Attempt::Shorten {
                    headers.extend(bypass());
                }
                let query = of("retention");
                self.cloud.send_body(Method::PUT, bucket, &path, &query, headers, body).await
            }
        };
        self.answer(sent)
    }

    fn s3_retention(&self, attempt: Attempt, order: &Order<'_>) -> Option<Bytes> {
        let governs = order.lock.is_some_and(|lock| lock.mode == LockMode::Governance);
        let (governs, until) = match attempt {
            Attempt::LowerMode => (true, self.until(order)),
            _ => (governs, self.soon()),
        };
        let inside = match attempt {
            Attempt::RemoveRetention => String::new(),
            _ => {
                let mode = if governs { "GOVERNANCE" } else { "COMPLIANCE" };
                let until = date::iso(until)?;
                format!("<Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate>")
            }
        };
        let space = "http://s3.amazonaws.com/doc/2006-03-01/";
        Some(format!("<Retention xmlns=\"{space}\">{inside}</Retention>").into())
    }

    async fn google(&self, bucket: &str, json: &str, order: &Order<'_>) -> Answer {
        let object = format!("o/{}", encode(self.path, ""));
        let mut query: Vec<_> = order.version.map(|id| ("generation", id)).into_iter().collect();
        let lock = order.lock;
        let by_bucket = lock.is_some_and(|lock| lock.by == LockedBy::Bucket);
        let sent = match order.attempt {
            attempt @ (Attempt::CreateAgain | Attempt::PutOverMarker | Attempt::Overwrite) => {
                let condition: &[_] = match attempt {
                    Attempt::Overwrite => &[],
                    _ => &[("x-goog-if-generation-match", "0")],
                };
                let (path, body) = (encode(self.path, "/"), order.bytes.clone());
                let headers = [fixed(condition), self.put.clone()].concat();
                self.cloud.send_body(Method::PUT, bucket, &path, &[], headers, body).await
            }
            Attempt::Delete => self.cloud.send(Method::DELETE, json, &object, &[], &[]).await,
            Attempt::DeleteVersion => {
                self.cloud.send(Method::DELETE, json, &object, &query, &[]).await
            }
            attempt => {
                let retention = |locked: bool, until| {
                    let mode = if locked { "Locked" } else { "Unlocked" };
                    let until = date::iso(until)?;
                    Some(format!(
                        "{{\"retention\":{{\"mode\":\"{mode}\",\"retainUntilTime\":\"{until}\"}}}}"
                    ))
                };
                let locked = lock.is_none_or(|lock| lock.mode == LockMode::Compliance);
                let patch = match attempt {
                    Attempt::LiftHold => {
                        Some("{\"temporaryHold\":false,\"eventBasedHold\":false}".to_owned())
                    }
                    _ if by_bucket => {
                        return Answer::Pointless("its bucket's policy, not one of its own, holds");
                    }
                    Attempt::LowerMode => retention(false, self.until(order)),
                    Attempt::RemoveRetention => Some("{\"retention\":null}".to_owned()),
                    _ => retention(locked, self.soon()),
                };
                let Some(patch) = patch else { return no_date() };
                query.push(("overrideUnlockedRetention", "true"));
                let headers = fixed(&[("content-type", "application/json")]);
                let body = Bytes::from(patch);
                self.cloud.send_body(Method::PATCH, json, &object, &query, headers, body).await
            }
        };
        self.answer(sent)
    }

    async fn azure(&self, container: &str, order: &Order<'_>) -> Answer {
        let path = encode(self.path, "/");
        let version: Vec<_> = order.version.map(|id| ("versionid", id)).into_iter().collect();
        let of = |name, value| {
            let mut query = vec![(name, value)];
            query.extend(version.clone());
            query
        };
        let locked = order.lock.is_none_or(|lock| lock.mode == LockMode::Compliance);
        let policy = |locked: bool, until: SystemTime| {
            let mode = if locked { "locked" } else { "unlocked" };
            let mut headers = fixed(&[("x-ms-immutability-policy-mode", mode)]);
            let until = HeaderValue::from_str(&date::http(until)?).ok()?;
            let name = HeaderName::from_static("x-ms-immutability-policy-until-date");
            headers.push((name, until));
            Some(headers)
        };
        let (method, query, headers, body) = match order.attempt {
            attempt @ (Attempt::CreateAgain | Attempt::PutOverMarker | Attempt::Overwrite) => {
                let mut headers = fixed(&[("x-ms-blob-type", "BlockBlob")]);
                headers.extend(self.put.clone());
                if attempt != Attempt::Overwrite {
                    headers.extend(fixed(&[("if-none-match", "*")]));
                }
                (Method::PUT, vec![], Some(headers), order.bytes.clone())
            }
            Attempt::Delete => {
                let headers = fixed(&[("x-ms-delete-snapshots", "include")]);
                (Method::DELETE, vec![], Some(headers), Bytes::new())
            }
            Attempt::DeleteVersion => (Method::DELETE, version, Some(vec![]), Bytes::new()),
            Attempt::DeleteForGood => {
                (Method::DELETE, of("deletetype", "permanent"), Some(vec![]), Bytes::new())
            }
            Attempt::LiftHold => {
                let headers = fixed(&[("x-ms-legal-hold", "false")]);
                (Method::PUT, of("comp", "legalhold"), Some(headers), Bytes::new())
            }
            Attempt::RemoveRetention => {
                (Method::DELETE, of("comp", "immutabilityPolicies"), Some(vec![]), Bytes::new())
            }
            attempt => {
                let lower = attempt == Attempt::LowerMode;
                let until = if lower { self.until(order) } else { self.soon() };
                let headers = policy(locked && !lower, until);
                (Method::PUT, of("comp", "immutabilityPolicies"), headers, Bytes::new())
            }
        };
        let Some(headers) = headers else { return no_date() };
        self.answer(self.cloud.send_body(method, container, &path, &query, headers, body).await)
    }

    /// When a shortened retention ends.
    fn soon(&self) -> SystemTime {
        (self.clock)() + SOON
    }

    /// When the retention ends as it is.
    fn until(&self, order: &Order<'_>) -> SystemTime {
        let micros = order.lock.and_then(|lock| lock.until);
        match micros.and_then(|micros| u64::try_from(micros).ok()) {
            Some(micros) => UNIX_EPOCH + Duration::from_micros(micros),
            None => self.soon(),
        }
    }

    fn answer(&self, sent: Sent) -> Answer {
        let error = match sent {
            Ok(reply) => return Answer::Accepted(reply.status.to_string()),
            Err(error) => error,
        };
        let failure = translate::failed_exchange(&error);
        let said = failure.and_then(|failure| Some((failure.status()?, failure.code().to_owned())));
        match said {
            // It doesn't know the request, or finds it wrong: nothing was done.
            Some((status, code)) if refuses(status) && !MISTAKES.contains(&code.as_str()) => {
                Answer::Refused(format!("{status} {code}").trim_end().to_owned())
            }
            _ => Answer::Silent(self.call.http(&error)),
        }
    }

    /// A batch is answered with 200 also where each of its deletions was refused.
    fn batch_answer(&self, sent: Sent) -> Answer {
        let Ok(reply) = &sent else { return self.answer(sent) };
        let page = xml::page(&reply.body, "DeleteResult", &["Error", "Deleted"]);
        let refused = page.ok().and_then(|page| {
            let (_, fields) = page.records.into_iter().find(|(name, _)| name == "Error")?;
            Some(fields.get("Code").map(|code| code.trim().to_owned()).unwrap_or_default())
        });
        match refused {
            Some(code) => {
                let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
                Answer::Refused(format!("{} {code}", reply.status).trim_end().to_owned())
            }
            None => self.answer(sent),
        }
    }
}

/// Codes of answers to a request that was never weighed: they say nothing of the lock.
const MISTAKES: [&str; 13] = [
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "MalformedXML",
    "MissingContentMD5",
    "InvalidDigest",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "AuthenticationFailed",
    "InvalidHeaderValue",
    "MissingRequiredHeader",
];

/// Whether an error answer with this status is a decision, not a failure to make one.
fn refuses(status: u16) -> bool {
    status == 501 || (400..500).contains(&status) && !matches!(status, 401 | 408 | 425 | 429)
}

fn no_date() -> Answer {
    Answer::Pointless("this machine's clock gives no date to ask for")
}

fn fixed(headers: &[(&'static str, &'static str)]) -> Headers {
    let header = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    headers.iter().map(header).collect()
}

fn batch(path: &str, version: Option<&str>) -> Bytes {
    let version = version.map(|id| format!("<VersionId>{}</VersionId>", xml::escape(id)));
    let (key, version) = (xml::escape(path), version.unwrap_or_default());
    format!("<Delete><Object><Key>{key}</Key>{version}</Object></Delete>").into()
}

fn on_file(file: &Path, order: &Order<'_>) -> Answer {
    let done = match order.attempt {
        Attempt::Overwrite => fs::write(file, &order.bytes),
        Attempt::Rename => fs::rename(file, file.with_extension("moved")),
        _ => fs::remove_file(file),
    };
    by_system(done)
}

/// Removes the canary, under either name, and its folders; a folder that holds more stays.
fn clear_file(root: &Path, file: &Path) -> Answer {
    drop(fs::remove_file(file.with_extension("moved")));
    let done = fs::remove_file(file);
    let folders = file.ancestors().skip(1).take_while(|folder| *folder != root);
    for folder in folders.take(2) {
        drop(fs::remove_dir(folder));
    }
    by_system(done)
}

fn by_system(done: io::Result<()>) -> Answer {
    match done {
        Ok(()) => Answer::Accepted("done".to_owned()),
        Err(error) => Answer::Refused(error.to_string()),
    }
}
