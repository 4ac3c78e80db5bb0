//! S3, as AWS and MinIO speak it.
//!
//! Where the two differ, MinIO's side is what its server was seen to answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use crate::bucket::{Bucket, Entry, Guard, Retention};
use crate::fault::Effect;
use crate::listed::{Listed, Listing};
use crate::message::{Answer, Request, element, encode, encode_path, escape, range};
use crate::sign::{self, sha256};
use crate::time::{self, DAY};
use crate::world::{Dialect, Found, Route, World};

pub(crate) const SPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

impl World {
    pub(crate) fn s3(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        if let Err((status, code, why)) = sign::aws(request, &self.keys, now) {
            return self.error(status, code, why);
        }
        let known = self.buckets.contains_key(&route.bucket);
        let create = route.key.is_empty() && request.method == "PUT" && request.query.is_empty();
        if create {
            return self.s3_create(route, request);
        }
        if !known {
            return self.error(404, "NoSuchBucket", "The specified bucket does not exist");
        }
        let method = request.method.as_str();
        match (method, route.key.is_empty()) {
            ("GET" | "HEAD", true) => self.s3_ask_bucket(route, request),
            ("PUT", true) => self.s3_set_bucket(route, request),
            ("POST", true) => self.s3_delete_batch(route, request, now),
            ("GET", false) if request.asks("retention").is_some() => {
                self.s3_retention(route, request)
            }
            ("GET", false) if request.asks("legal-hold").is_some() => {
                self.s3_legal_hold(route, request)
            }
            ("GET", false) if request.asks("tagging").is_some() => self.s3_tags(route, request),
            ("PUT", false) if request.asks("tagging").is_some() => self.s3_put_tags(route, request),
            ("GET" | "HEAD", false) => self.s3_get(route, request),
            ("PUT", false) if request.asks("retention").is_some() => {
                self.s3_put_retention(route, request, now)
            }
            ("PUT", false) if request.asks("legal-hold").is_some() => {
                self.s3_put_hold(route, request)
            }
            ("PUT", false) => self.s3_put(route, request, now),
            ("DELETE", false) => {
                let bypass = bypasses(request);
                match self.s3_delete(route, &route.key, request.asks("versionId"), bypass, now) {
                    Ok(answer) => answer,
                    Err((status, code, why)) => self.error(status, code, why),
                }
            }
            _ => self.error(405, "MethodNotAllowed", "The specified method is not allowed"),
        }
    }

    pub(crate) fn s3_bucket(&self, route: &Route) -> &Bucket {
        self.buckets.get(&route.bucket).unwrap_or(&self.nothing)
    }

    fn s3_create(&mut self, route: &Route, request: &Request) -> Answer {
        if self.buckets.contains_key(&route.bucket) {
            let why = "Your previous request to create the named bucket succeeded and you already own it.";
            return self.error(409, "BucketAlreadyOwnedByYou", why);
        }
        let lockable =
            request.header("x-amz-bucket-object-lock-enabled").eq_ignore_ascii_case("true");
        let bucket = Bucket { versioned: lockable, lockable, ..Bucket::default() };
        self.buckets.insert(route.bucket.clone(), bucket);
        Answer::new(200).header("location", format!("/{}", route.bucket))
    }

    fn s3_set_bucket(&mut self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return Answer::new(404) };
        if request.asks("versioning").is_some() {
            let on = element(&request.body, "Status").as_deref() == Some("Enabled");
            if !on && bucket.lockable {
                let why = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
                return match self.dialect {
                    Dialect::Minio => self.error(400, "InvalidBucketState", why),
                    _ => self.error(409, "InvalidBucketState", why),
                };
            }
            bucket.versioned = on;
            return Answer::new(200);
        }
        if request.asks("object-lock").is_some() {
            let read = |name: &str| element(&request.body, name);
            let days = read("Days")
                .or_else(|| Some(format!("{}", read("Years")?.parse::<i64>().ok()? * 365)));
            let days = days.and_then(|days| days.parse::<i64>().ok());
            bucket.lockable = true;
            bucket.default = read("Mode")
                .zip(days)
                .map(|(mode, days)| Retention { firm: mode == "COMPLIANCE", until: days * DAY });
            return Answer::new(200);
        }
        self.error(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented.",
        )
    }

    fn s3_ask_bucket(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        if request.asks("versions").is_some() {
            return self.s3_versions(route, request);
        }
        if request.asks("list-type").is_some() {
            return self.s3_objects(bucket, request);
        }
        if request.asks("versioning").is_some() {
            let status = if bucket.versioned { "<Status>Enabled</Status>" } else { "" };
            let xml =
                format!("<VersioningConfiguration {SPACE}>{status}</VersioningConfiguration>");
            return Answer::xml(200, &xml);
        }
        if request.asks("object-lock").is_some() {
            if !bucket.lockable {
                let why = "Object Lock configuration does not exist for this bucket";
                return self.error(404, "ObjectLockConfigurationNotFoundError", why);
            }
            let rule = bucket.default.map_or(String::new(), |rule| {
                let (mode, days) = (mode(rule), rule.until / DAY);
                format!("<Rule><DefaultRetention><Mode>{mode}</Mode><Days>{days}</Days></DefaultRetention></Rule>")
            });
            let enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>";
            let xml = format!(
                "<ObjectLockConfiguration {SPACE}>{enabled}{rule}</ObjectLockConfiguration>"
            );
            return Answer::xml(200, &xml);
        }
        let never_set = [
            ("lifecycle", "NoSuchLifecycleConfiguration"),
            ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
            ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ];
        for (word, code) in never_set {
            if request.asks(word).is_some() {
                return match bucket.settings.get(word) {
                    Some(xml) => Answer::xml(200, xml),
                    None => self.error(404, code, "The configuration does not exist"),
                };
            }
        }
        match request.method.as_str() {
            "HEAD" => Answer::new(200),
            _ => self.error(501, "NotImplemented", "This question isn't known here"),
        }
    }

    fn s3_objects(&self, bucket: &Bucket, request: &Request) -> Answer {
        let prefix = request.asks("prefix").unwrap_or_default();
        let begin = request.asks("continuation-token").map(crate::message::decode);
        let url = request.asks("encoding-type") == Some("url");
        let delimiter = request.asks("delimiter").unwrap_or_default();
        let behind = begin.as_deref().unwrap_or_default();
        let mut found = Listing { bucket, prefix, delimiter, behind };
        let (mut xml, mut last) = (String::new(), "");
        for one in found.by_ref().take(self.page) {
            last = one.name();
            xml += &match one {
                Listed::Object(key, entry) => {
                    format!("<Contents>{}</Contents>", described(key, entry, url))
                }
                Listed::Folder(name) => {
                    let name = shown(name, url);
                    format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")
                }
            };
        }
        let more = found.next().is_some();
        let next = if more {
            format!("<NextContinuationToken>{}</NextContinuationToken>", encode(last))
        } else {
            String::new()
        };
        let encoding = if url { "<EncodingType>url</EncodingType>" } else { "" };
        let head = format!("{encoding}<IsTruncated>{more}</IsTruncated>{next}");
        Answer::xml(200, &format!("<ListBucketResult {SPACE}>{head}{xml}</ListBucketResult>"))
    }

    fn s3_versions(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        let prefix = request.asks("prefix").unwrap_or_default();
        let url = request.asks("encoding-type") == Some("url");
        let begin = request.asks("key-marker").unwrap_or_default();
        let after = request.asks("version-id-marker");
        // Of the key where the last page ended, what comes behind the version that it ended with.
        let mut last = bucket.below_from(prefix, begin).take_while(|(key, _)| *key == begin);
        let rest_of_it = match last.any(|(_, entry)| after.is_some_and(|after| after == entry.id)) {
            true => last.collect(),
            false => Vec::new(),
        };
        let behind = bucket
            .below_from(prefix, begin)
            .skip_while(|(key, _)| !begin.is_empty() && *key == begin);
        let mut entries: Vec<_> =
            rest_of_it.into_iter().chain(behind).take(self.page + 1).collect();
        let more = entries.len() > self.page;
        entries.truncate(self.page);
        let mut xml = String::new();
        for (key, entry) in &entries {
            let tag = if entry.marker { "DeleteMarker" } else { "Version" };
            let (id, latest) = (escape(&entry.id), entry.live);
            let about = described(key, entry, url);
            xml += &format!(
                "<{tag}>{about}<VersionId>{id}</VersionId><IsLatest>{latest}</IsLatest></{tag}>"
            );
        }
        let next = match entries.last().filter(|_| more) {
            Some((key, entry)) => format!(
                "<NextKeyMarker>{}</NextKeyMarker><NextVersionIdMarker>{}</NextVersionIdMarker>",
                shown(key, url),
                escape(&entry.id)
            ),
            None => String::new(),
        };
        let encoding = if url { "<EncodingType>url</EncodingType>" } else { "" };
        let head = format!("{encoding}<IsTruncated>{more}</IsTruncated>{next}");
        Answer::xml(200, &format!("<ListVersionsResult {SPACE}>{head}{xml}</ListVersionsResult>"))
    }

    fn s3_get(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        let entry = match self.meant(bucket, &route.key, request.asks("versionId")) {
            Found::Entry(entry) => entry,
            Found::Marker => {
                let why = "The specified method is not allowed against this resource.";
                return self
                    .error(405, "MethodNotAllowed", why)
                    .header("x-amz-delete-marker", "true");
            }
            Found::NoVersion => return self.s3_no_version(request.asks("versionId")),
            Found::NoKey => {
                return self.error(404, "NoSuchKey", "The specified key does not exist.");
            }
        };
        if entry.archived && request.method == "GET" {
            let why = "The operation is not valid for the object's storage class";
            return self.error(403, "InvalidObjectState", why);
        }
        let Ok(part) = range(request.header("range"), entry.bytes.len()) else {
            return self.error(416, "InvalidRange", "The requested range is not satisfiable");
        };
        let mut answer = Answer::object(&entry.bytes, part);
        answer = answer
            .header("etag", etag(entry))
            .header("accept-ranges", "bytes")
            .header("last-modified", time::http(entry.time));
        if bucket.versioned {
            answer = answer.header("x-amz-version-id", entry.id.as_str());
        }
        let (retention, hold) = self.told(entry);
        if let Some(retention) = retention {
            answer = answer
                .header("x-amz-object-lock-mode", mode(retention))
                .header("x-amz-object-lock-retain-until-date", time::iso(retention.until));
        }
        if hold {
            answer = answer.header("x-amz-object-lock-legal-hold", "ON");
        }
        answer
    }

    pub(crate) fn s3_no_version(&self, id: Option<&str>) -> Answer {
        // An id that this server can't have made is another mistake than one that is gone.
        let ours = id.is_some_and(|id| match self.dialect {
            Dialect::Minio => id.len() == 36,
            _ => id.len() == 32,
        });
        match ours || id == Some("null") {
            true => self.error(404, "NoSuchVersion", "The specified version does not exist."),
            false => self.error(400, "InvalidArgument", "Invalid version id specified"),
        }
    }

    fn s3_retention(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        if self.is(&Effect::HideLock) {
            return self.error(403, "AccessDenied", "Access Denied");
        }
        let entry = match self.meant(bucket, &route.key, request.asks("versionId")) {
            Found::Entry(entry) => entry,
            Found::Marker => return self.error(405, "MethodNotAllowed", "It is a delete marker"),
            Found::NoVersion => return self.s3_no_version(request.asks("versionId")),
            Found::NoKey => {
                return self.error(404, "NoSuchKey", "The specified key does not exist.");
            }
        };
        if !bucket.lockable {
            return self.error(
                400,
                "InvalidRequest",
                "Bucket is missing Object Lock Configuration",
            );
        }
        match self.told(entry).0 {
            Some(lock) => {
                let (mode, until) = (mode(lock), time::iso(lock.until));
                let inside =
                    format!("<Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate>");
                Answer::xml(200, &format!("<Retention {SPACE}>{inside}</Retention>"))
            }
            None => {
                let why = "The specified object does not have a ObjectLock configuration";
                self.error(404, "NoSuchObjectLockConfiguration", why)
            }
        }
    }

    fn s3_legal_hold(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        match self.meant(bucket, &route.key, request.asks("versionId")) {
            Found::Entry(entry) => {
                let status = if entry.hold { "ON" } else { "OFF" };
                Answer::xml(
                    200,
                    &format!("<LegalHold {SPACE}><Status>{status}</Status></LegalHold>"),
                )
            }
            _ => self.error(404, "NoSuchKey", "The specified key does not exist."),
        }
    }

    fn s3_put(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        if !self.takes(&route.key) {
            let why = "Object name contains unsupported characters.";
            return self.error(400, "XMinioInvalidObjectName", why);
        }
        let bucket = self.s3_bucket(route);
        let (versioned, lockable) = (bucket.versioned, bucket.lockable);
        let taken = bucket.current(&route.key).is_some();
        let sum = request.header("x-amz-checksum-sha256");
        if !sum.is_empty() && sum != STANDARD.encode(sha256(&request.body)) {
            return self.error(
                400,
                "BadDigest",
                "The SHA256 you specified did not match the calculated checksum.",
            );
        }
        let md5 = request.header("content-md5");
        if !md5.is_empty() && md5 != STANDARD.encode(Md5::digest(&request.body)) {
            let why = "The Content-MD5 you specified did not match what we received.";
            return self.error(400, "BadDigest", why);
        }
        if md5.is_empty() && self.is(&Effect::WantMd5) {
            let why = "Content-MD5 HTTP header is required for Put Object requests with Object Lock parameters";
            return self.error(400, "InvalidRequest", why);
        }
        let has_sum = request.headers.iter().any(|(name, _)| {
            name == "content-md5"
                || name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-algorithm"
        });
        if self.dialect == Dialect::Aws && lockable && !has_sum {
            let why = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters";
            return self.error(400, "InvalidRequest", why);
        }
        let (retention, hold) = match asked(request, now) {
            Ok(asked) => asked,
            Err(why) => return self.error(400, "InvalidArgument", why),
        };
        if (retention.is_some() || hold) && !lockable {
            return self.error(
                400,
                "InvalidRequest",
                "Bucket is missing Object Lock Configuration",
            );
        }
        let create = request.header("if-none-match") == "*" && !self.is(&Effect::IgnoreCondition);
        if create && taken {
            let why = "At least one of the pre-conditions you specified did not hold";
            return self.error(412, "PreconditionFailed", why);
        }
        let entry = self.entry(&route.bucket, request.body.clone(), retention, hold, now);
        let mut answer = Answer::new(200).header("etag", etag(&entry));
        if versioned {
            answer = answer.header("x-amz-version-id", entry.id.as_str());
        }
        if let Some(bucket) = self.buckets.get_mut(&route.bucket) {
            bucket.push(&route.key, entry);
        }
        answer
    }

    /// Deletes a key, or a version of it.
    pub(crate) fn s3_delete(
        &mut self,
        route: &Route,
        key: &str,
        id: Option<&str>,
        bypass: bool,
        now: i64,
    ) -> Result<Answer, sign::Refusal> {
        let marker_id = self.id(now, true);
        let locked = match self.dialect {
            Dialect::Minio => {
                (400, "InvalidRequest", "Object is WORM protected and cannot be overwritten")
            }
            _ => (403, "AccessDenied", "Access Denied because object protected by object lock."),
        };
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return Ok(Answer::new(404)) };
        let Some(id) = id else {
            if !bucket.versioned {
                bucket.objects.remove(key);
                return Ok(Answer::new(204));
            }
            let id = marker_id.clone();
            let marker = Entry { id, time: now, marker: true, live: true, ..Entry::default() };
            bucket.push(key, marker);
            let answer = Answer::new(204).header("x-amz-delete-marker", "true");
            return Ok(answer.header("x-amz-version-id", marker_id));
        };
        if let Some(entry) = bucket.find(key, id) {
            match bucket.guard(entry, now) {
                Some(Guard::Firm) => return Err(locked),
                Some(Guard::Weak) if !bypass => return Err(locked),
                _ => bucket.remove(key, id, true),
            }
        }
        Ok(Answer::new(204).header("x-amz-version-id", id))
    }

    fn s3_delete_batch(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        if request.asks("delete").is_none() {
            return self.error(405, "MethodNotAllowed", "The specified method is not allowed");
        }
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut xml = String::new();
        for object in text.split("<Object>").skip(1) {
            let Some(key) = element(object.as_bytes(), "Key") else {
                return self.error(400, "MalformedXML", "The XML you provided was not well-formed");
            };
            let id = element(object.as_bytes(), "VersionId");
            let done = self.s3_delete(route, &key, id.as_deref(), bypasses(request), now);
            let key = escape(&key);
            xml += &match done {
                Ok(_) => format!("<Deleted><Key>{key}</Key></Deleted>"),
                Err((_, code, why)) => {
                    format!(
                        "<Error><Key>{key}</Key><Code>{code}</Code><Message>{why}</Message></Error>"
                    )
                }
            };
        }
        Answer::xml(200, &format!("<DeleteResult {SPACE}>{xml}</DeleteResult>"))
    }

    fn s3_put_retention(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let wanted =
            match (element(&request.body, "Mode"), element(&request.body, "RetainUntilDate")) {
                (Some(mode), Some(until)) => match time::of_iso(&until) {
                    Some(until) if until > now => {
                        Some(Retention { firm: mode == "COMPLIANCE", until })
                    }
                    _ => {
                        return self.error(
                            400,
                            "InvalidArgument",
                            "The retain until date must be in the future!",
                        );
                    }
                },
                _ => None,
            };
        let refused = match self.dialect {
            Dialect::Minio => self.error(
                400,
                "InvalidRequest",
                "Object is WORM protected and cannot be overwritten",
            ),
            _ => self.error(
                403,
                "AccessDenied",
                "Access Denied because object protected by object lock.",
            ),
        };
        let (bypass, lies) = (bypasses(request), self.is(&Effect::ClaimLock));
        let entry = match self.s3_lockable(route, request) {
            Ok(entry) => entry,
            Err(refused) => return refused,
        };
        if lies {
            return Answer::new(200);
        }
        if let Some(has) = entry.retention.filter(|has| has.until > now) {
            let weaker =
                wanted.is_none_or(|wanted| wanted.until < has.until || has.firm && !wanted.firm);
            if weaker && (has.firm || !bypass) {
                return refused;
            }
        }
        entry.retention = wanted;
        Answer::new(200)
    }

    fn s3_put_hold(&mut self, route: &Route, request: &Request) -> Answer {
        let on = element(&request.body, "Status").as_deref() == Some("ON");
        match self.s3_lockable(route, request) {
            Ok(entry) => entry.hold = on,
            Err(refused) => return refused,
        }
        Answer::new(200)
    }

    /// The version whose lock is to be changed, or why it can't be.
    fn s3_lockable(&mut self, route: &Route, request: &Request) -> Result<&mut Entry, Answer> {
        let missing = self.error(404, "NoSuchKey", "The specified key does not exist.");
        let unlockable =
            self.error(400, "InvalidRequest", "Bucket is missing Object Lock Configuration");
        match self.buckets.get_mut(&route.bucket) {
            Some(bucket) if !bucket.lockable => Err(unlockable),
            Some(bucket) => bucket.find_mut(&route.key, request.asks("versionId")).ok_or(missing),
            None => Err(missing),
        }
    }
}

/// What a put asks for: a retention, a legal hold.
fn asked(request: &Request, now: i64) -> Result<(Option<Retention>, bool), &'static str> {
    let hold = request.header("x-amz-object-lock-legal-hold") == "ON";
    let (mode, until) = (
        request.header("x-amz-object-lock-mode"),
        request.header("x-amz-object-lock-retain-until-date"),
    );
    let firm = match mode {
        "" if until.is_empty() => return Ok((None, hold)),
        "COMPLIANCE" => true,
        "GOVERNANCE" => false,
        _ => return Err("Unknown wormMode directive."),
    };
    match time::of_iso(until) {
        Some(until) if until > now => Ok((Some(Retention { firm, until }), hold)),
        _ => Err("The retain until date must be in the future!"),
    }
}

fn bypasses(request: &Request) -> bool {
    request.header("x-amz-bypass-governance-retention").eq_ignore_ascii_case("true")
}

fn mode(retention: Retention) -> &'static str {
    if retention.firm { "COMPLIANCE" } else { "GOVERNANCE" }
}

pub(crate) fn etag(entry: &Entry) -> String {
    let hash = sign::hex(&sha256(&entry.bytes));
    format!("\"{}\"", hash.get(..32).unwrap_or_default())
}

/// A key in a listing: with `url` as AWS encodes it, spaces as plus signs.
fn shown(key: &str, url: bool) -> String {
    if url { encode_path(key).replace("%20", "+") } else { escape(key) }
}

fn described(key: &str, entry: &Entry, url: bool) -> String {
    let (key, date) = (shown(key, url), time::iso(entry.time));
    let about = format!("<Key>{key}</Key><LastModified>{date}</LastModified>");
    if entry.marker {
        return about;
    }
    let class = if entry.archived { "GLACIER" } else { "STANDARD" };
    let (etag, size) = (escape(&etag(entry)), entry.bytes.len());
    format!("{about}<ETag>{etag}</ETag><Size>{size}</Size><StorageClass>{class}</StorageClass>")
}
