//! Azure Blob Storage. Plain blobs are as its emulator answers; versions and immutability, which no
//! emulator has, are what Azure's documentation says.

use crate::bucket::{Guard, Retention};
use crate::fault::Effect;
use crate::message::{Answer, Request, escape, range};
use crate::s3::etag;
use crate::sign;
use crate::time;
use crate::world::{Found, Route, World};

const IMMUTABLE: (u16, &str, &str) = (
    409,
    "BlobImmutableDueToPolicy",
    "This operation is not permitted as the blob is immutable due to a policy.",
);

impl World {
    pub(crate) fn azure(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        if let Err((status, code, why)) = sign::azure(request, &self.keys, now) {
            return self.error(status, code, why);
        }
        if !self.buckets.contains_key(&route.bucket) {
            return self.error(404, "ContainerNotFound", "The specified container does not exist.");
        }
        let comp = request.asks("comp");
        match (request.method.as_str(), route.key.is_empty(), comp) {
            ("GET", true, Some("list")) => self.azure_list(route, request),
            ("GET" | "HEAD", true, None) => self.azure_container(route),
            ("PUT", false, None) => self.azure_put(route, request, now),
            ("PUT", false, Some("immutabilityPolicies")) => self.azure_policy(route, request, now),
            ("DELETE", false, Some("immutabilityPolicies")) => {
                self.azure_remove_policy(route, request, now)
            }
            ("PUT", false, Some("legalhold")) => self.azure_hold(route, request),
            ("GET", false, Some("tags")) => self.azure_tags(route, request),
            ("PUT", false, Some("tags")) => self.azure_put_tags(route, request),
            ("GET" | "HEAD", false, None) => self.azure_get(route, request),
            ("DELETE", false, None) => self.azure_delete(route, request, now),
            _ => self.error(400, "UnsupportedHttpVerb", "The resource doesn't support the verb."),
        }
    }

    fn azure_refused(&self) -> Answer {
        self.error(IMMUTABLE.0, IMMUTABLE.1, IMMUTABLE.2)
    }

    pub(crate) fn azure_absent(&self) -> Answer {
        self.error(404, "BlobNotFound", "The specified blob does not exist.")
    }

    fn azure_container(&self, route: &Route) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let word = |on: bool| if on { "true" } else { "false" };
        Answer::new(200)
            .header("x-ms-has-immutability-policy", word(bucket.policy.is_some()))
            .header("x-ms-has-legal-hold", "false")
            .header("x-ms-immutable-storage-with-versioning-enabled", word(bucket.lockable))
            .header("x-ms-default-encryption-scope", "$account-encryption-key")
    }

    fn azure_put(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        if request.header("x-ms-blob-type") != "BlockBlob" {
            let why = "An HTTP header that's mandatory for this request is not specified.";
            return self.error(400, "MissingRequiredHeader", why);
        }
        let current = bucket.current(&route.key);
        let create = request.header("if-none-match") == "*" && !self.is(&Effect::IgnoreCondition);
        if create && current.is_some() {
            return self.error(409, "BlobAlreadyExists", "The specified blob already exists.");
        }
        // A container's policy forbids to overwrite also after it has ended, and a version's only
        // where none would be kept.
        let frozen = bucket.policy.is_some()
            || !bucket.versioned && current.is_some_and(|entry| bucket.guard(entry, now).is_some());
        if current.is_some() && frozen {
            return self.azure_refused();
        }
        let mode = request.header("x-ms-immutability-policy-mode").to_ascii_lowercase();
        let until = time::of_http(request.header("x-ms-immutability-policy-until-date"));
        let hold = request.header("x-ms-legal-hold") == "true";
        let asked = match (mode.as_str(), until) {
            ("", None) => None,
            ("locked" | "unlocked", Some(until)) if until > now && bucket.lockable => {
                Some(Retention { firm: mode == "locked", until })
            }
            _ => return self.error(400, "InvalidHeaderValue", "The policy isn't valid here."),
        };
        if hold && !bucket.lockable {
            return self.error(
                409,
                "FeatureNotSupported",
                "The container has no version-level immutability.",
            );
        }
        let versioned = bucket.versioned;
        let entry = self.entry(&route.bucket, request.body.clone(), asked, hold, now);
        let mut answer = Answer::new(201)
            .header("etag", etag(&entry))
            .header("last-modified", time::http(entry.time));
        if versioned {
            answer = answer.header("x-ms-version-id", entry.id.as_str());
        }
        if let Some(bucket) = self.buckets.get_mut(&route.bucket) {
            bucket.push(&route.key, entry);
        }
        answer
    }

    fn azure_get(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let Found::Entry(entry) = self.meant(bucket, &route.key, request.asks("versionid")) else {
            return self.azure_absent();
        };
        if entry.archived && request.method == "GET" {
            return self.error(
                409,
                "BlobArchived",
                "This operation is not permitted on an archived blob.",
            );
        }
        let size = entry.bytes.len();
        let Ok(part) = range(request.header("range"), size) else {
            return self.error(
                416,
                "InvalidRange",
                "The range specified is invalid for the current size of the resource.",
            );
        };
        let mut answer = Answer::object(&entry.bytes, part);
        answer = answer
            .header("etag", etag(entry))
            .header("last-modified", time::http(entry.time))
            .header("x-ms-blob-type", "BlockBlob");
        if bucket.versioned {
            answer = answer.header("x-ms-version-id", entry.id.as_str());
        }
        let (retention, hold) = self.told(entry);
        if let Some(retention) = retention {
            let mode = if retention.firm { "locked" } else { "unlocked" };
            answer = answer
                .header("x-ms-immutability-policy-mode", mode)
                .header("x-ms-immutability-policy-until-date", time::http(retention.until));
        }
        if hold { answer.header("x-ms-legal-hold", "true") } else { answer }
    }

    fn azure_list(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let versions = bucket.versioned
            && request.asks("include").is_some_and(|words| words.contains("versions"));
        let prefix = request.asks("prefix").unwrap_or_default();
        let begin = request.asks("marker").and_then(|marker| marker.rsplit_once('#'));
        let entries: Vec<_> =
            bucket.below(prefix).filter(|(_, entry)| versions || entry.live).collect();
        let at = begin.and_then(|(key, id)| {
            let key = crate::message::decode(key);
            entries.iter().position(|(known, entry)| *known == key && entry.id == id)
        });
        let rest = entries.get(at.map_or(0, |at| at + 1)..).unwrap_or_default();
        let page = rest.get(..self.page.min(rest.len())).unwrap_or_default();
        let mut xml = String::new();
        for (key, entry) in page {
            let id = match versions {
                true => format!("<VersionId>{}</VersionId>", entry.id),
                false => String::new(),
            };
            let current = match versions && entry.live {
                true => "<IsCurrentVersion>true</IsCurrentVersion>",
                false => "",
            };
            let (date, size) = (time::http(entry.time), entry.bytes.len());
            let tier = if entry.archived { "Archive" } else { "Hot" };
            xml += &format!(
                "<Blob><Name>{}</Name>{id}{current}<Properties><Last-Modified>{date}</Last-Modified><Content-Length>{size}</Content-Length><BlobType>BlockBlob</BlobType><AccessTier>{tier}</AccessTier></Properties></Blob>",
                escape(key)
            );
        }
        let next = match page.last().filter(|_| rest.len() > page.len()) {
            Some((key, entry)) => {
                format!("<NextMarker>{}#{}</NextMarker>", crate::message::encode(key), entry.id)
            }
            None => "<NextMarker/>".to_owned(),
        };
        let name = escape(&route.bucket);
        Answer::xml(
            200,
            &format!(
                "<EnumerationResults ContainerName=\"{name}\"><Blobs>{xml}</Blobs>{next}</EnumerationResults>"
            ),
        )
    }

    fn azure_delete(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let (absent, refused) = (self.azure_absent(), self.azure_refused());
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        let id = request.asks("versionid");
        let found = match id {
            Some(id) => bucket.find(&route.key, id),
            None => bucket.current(&route.key),
        };
        let Some(entry) = found.cloned() else { return absent };
        let guarded = bucket.guard(&entry, now).is_some();
        if id.is_none() && bucket.versioned && bucket.policy.is_none() {
            // It becomes an earlier version, with all that protects it.
            if let Some(entry) = bucket.find_mut(&route.key, None) {
                entry.live = false;
            }
            return Answer::new(202);
        }
        if guarded {
            return refused;
        }
        if id.is_some() && entry.live {
            let why = "The current version can't be deleted by its id.";
            return self.error(403, "OperationNotAllowedOnRootBlob", why);
        }
        bucket.remove(&route.key, &entry.id, false);
        Answer::new(202)
    }

    fn azure_policy(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let (absent, refused) = (self.azure_absent(), self.azure_refused());
        let firm = request.header("x-ms-immutability-policy-mode").eq_ignore_ascii_case("locked");
        let until = time::of_http(request.header("x-ms-immutability-policy-until-date"));
        let invalid = self.error(400, "InvalidHeaderValue", "The date isn't valid.");
        let unsupported = self.error(
            409,
            "FeatureNotSupported",
            "The container has no version-level immutability.",
        );
        let Some(until) = until.filter(|until| *until > now) else { return invalid };
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        if !bucket.lockable {
            return unsupported;
        }
        let Some(entry) = bucket.find_mut(&route.key, request.asks("versionid")) else {
            return absent;
        };
        if entry.retention.is_some_and(|has| has.firm && (!firm || until < has.until)) {
            return refused;
        }
        entry.retention = Some(Retention { firm, until });
        Answer::new(200)
    }

    fn azure_remove_policy(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let (absent, refused) = (self.azure_absent(), self.azure_refused());
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        let Some(entry) = bucket.find_mut(&route.key, request.asks("versionid")) else {
            return absent;
        };
        if entry.guard(now) == Some(Guard::Firm) {
            return refused;
        }
        entry.retention = None;
        Answer::new(200)
    }

    fn azure_hold(&mut self, route: &Route, request: &Request) -> Answer {
        let absent = self.azure_absent();
        let unsupported = self.error(
            409,
            "FeatureNotSupported",
            "The container has no version-level immutability.",
        );
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        if !bucket.lockable {
            return unsupported;
        }
        let Some(entry) = bucket.find_mut(&route.key, request.asks("versionid")) else {
            return absent;
        };
        entry.hold = request.header("x-ms-legal-hold") == "true";
        Answer::new(200)
    }
}
