//! Google Cloud Storage: objects by the XML interface, versions, locks and settings by the JSON
//! interface. Nothing here was measured against Google's own service: it is what its documentation
//! says.

use serde_json::{Value, json};

use crate::bucket::{Entry, Guard, Retention};
use crate::fault::Effect;
use crate::message::{Answer, Request, encode, encode_path, range};
use crate::s3::etag;
use crate::sign;
use crate::time;
use crate::world::{Found, Route, World};

impl World {
    pub(crate) fn google(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let token = self.token.then_some(self.keys.secret.as_str());
        if let Err((status, code, why)) = sign::google(request, token) {
            return match route.json {
                Some(_) => failed(status, code, why),
                None => self.error(status, code, why),
            };
        }
        if !self.buckets.contains_key(&route.bucket) {
            let why = "The specified bucket does not exist.";
            return match route.json {
                Some(_) => failed(404, "notFound", why),
                None => self.error(404, "NoSuchBucket", why),
            };
        }
        match (&route.json, request.method.as_str(), route.key.is_empty()) {
            (None, "PUT", false) => self.google_put(route, request, now),
            (None, "GET" | "HEAD", false) => self.google_get(route, request),
            (None, "GET", true) => self.google_objects(route, request),
            (Some(collection), method, _) => match (collection.as_str(), method) {
                ("", "GET") => self.google_bucket(route),
                ("iam", "GET") => {
                    Answer::json(200, &json!({"kind": "storage#testIamPermissionsResponse"}))
                }
                ("o", "GET") if route.key.is_empty() => self.google_versions(route, request),
                ("o", "GET") => self.google_object(route, request, now),
                ("o", "DELETE") => self.google_delete(route, request, now),
                ("o", "PATCH") => self.google_patch(route, request, now),
                _ => failed(405, "methodNotAllowed", "The method isn't known here."),
            },
            _ => self.error(405, "MethodNotAllowed", "The method isn't known here."),
        }
    }

    fn google_put(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let current = bucket.current(&route.key);
        let wanted = request.header("x-goog-if-generation-match");
        let condition = !wanted.is_empty() && !self.is(&Effect::IgnoreCondition);
        if condition && current.map_or("0", |entry| &entry.id) != wanted {
            let why = "At least one of the pre-conditions you specified did not hold.";
            return self.error(412, "PreconditionFailed", why);
        }
        // Where versions are kept, the one before stays as it is.
        if !bucket.versioned && current.is_some_and(|entry| bucket.guard(entry, now).is_some()) {
            let why = "Object is subject to the bucket's retention policy or object retention and cannot be deleted or overwritten.";
            return self.error(403, "AccessDenied", why);
        }
        let mode = request.header("x-goog-object-lock-mode");
        let until = time::of_iso(request.header("x-goog-object-lock-retain-until-date"));
        let asked = match (mode, until) {
            ("", None) => None,
            ("COMPLIANCE" | "GOVERNANCE", Some(until)) if until > now && bucket.lockable => {
                Some(Retention { firm: mode == "COMPLIANCE", until })
            }
            _ => {
                let why = "Object retention isn't enabled for the bucket, or isn't valid.";
                return self.error(400, "InvalidArgument", why);
            }
        };
        let entry = self.entry(&route.bucket, request.body.clone(), asked, false, now);
        let answer = Answer::new(200)
            .header("etag", etag(&entry))
            .header("x-goog-generation", entry.id.as_str())
            .header("x-goog-metageneration", "1");
        if let Some(bucket) = self.buckets.get_mut(&route.bucket) {
            bucket.push(&route.key, entry);
        }
        answer
    }

    fn google_get(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let Found::Entry(entry) = self.meant(bucket, &route.key, request.asks("generation")) else {
            return self.error(404, "NoSuchKey", "The specified key does not exist.");
        };
        let Ok(part) = range(request.header("range"), entry.bytes.len()) else {
            return self.error(416, "InvalidRange", "The requested range cannot be satisfied.");
        };
        let answer = Answer::object(&entry.bytes, part);
        answer
            .header("etag", etag(entry))
            .header("last-modified", time::http(entry.time))
            .header("x-goog-generation", entry.id.as_str())
    }

    fn google_objects(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let prefix = request.asks("prefix").unwrap_or_default();
        let begin = request.asks("continuation-token").map(crate::message::decode);
        let mut found = bucket
            .below(prefix)
            .filter(|(key, entry)| entry.live && begin.as_deref().is_none_or(|begin| *key > begin));
        let (mut xml, mut last) = (String::new(), "");
        for (key, entry) in found.by_ref().take(self.page) {
            last = key;
            let (name, date, size) = (encode_path(key), time::iso(entry.time), entry.bytes.len());
            xml += &format!(
                "<Contents><Key>{name}</Key><Generation>{}</Generation><LastModified>{date}</LastModified><Size>{size}</Size></Contents>",
                entry.id
            );
        }
        let more = found.next().is_some();
        let next = match more {
            true => format!("<NextContinuationToken>{}</NextContinuationToken>", encode(last)),
            false => String::new(),
        };
        let head =
            format!("<EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{next}");
        let space = "xmlns=\"http://doc.s3.amazonaws.com/2006-03-01\"";
        Answer::xml(200, &format!("<ListBucketResult {space}>{head}{xml}</ListBucketResult>"))
    }

    fn google_versions(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let all = request.asks("versions") == Some("true");
        let prefix = request.asks("prefix").unwrap_or_default();
        let begin = request.asks("pageToken").and_then(|token| token.rsplit_once('#'));
        let entries: Vec<_> = bucket.below(prefix).filter(|(_, entry)| all || entry.live).collect();
        let at = begin.and_then(|(key, id)| {
            let key = crate::message::decode(key);
            entries.iter().position(|(known, entry)| *known == key && entry.id == id)
        });
        let rest = entries.get(at.map_or(0, |at| at + 1)..).unwrap_or_default();
        let shown = rest.get(..self.page.min(rest.len())).unwrap_or_default();
        let items: Vec<Value> =
            shown.iter().map(|(key, entry)| self.google_item(route, key, entry)).collect();
        let mut page = json!({"kind": "storage#objects", "items": items});
        if let Some((key, entry)) = shown.last().filter(|_| rest.len() > shown.len())
            && let Some(page) = page.as_object_mut()
        {
            let token = format!("{}#{}", encode(key), entry.id);
            page.insert("nextPageToken".to_owned(), token.into());
        }
        Answer::json(200, &page)
    }

    fn google_item(&self, route: &Route, key: &str, entry: &Entry) -> Value {
        let mut item = json!({
            "kind": "storage#object",
            "name": key,
            "generation": entry.id,
            "size": entry.bytes.len().to_string(),
            "updated": time::iso(entry.time),
            "temporaryHold": entry.hold,
            "metageneration": entry.metageneration(),
        });
        let Some(fields) = item.as_object_mut() else { return item };
        if let Some(time) = entry.custom_time {
            fields.insert("customTime".to_owned(), time::iso(time).into());
        }
        if !entry.live {
            fields.insert("timeDeleted".to_owned(), time::iso(entry.time).into());
        }
        let (retention, _) = self.told(entry);
        if let Some(retention) = retention {
            let mode = if retention.firm { "Locked" } else { "Unlocked" };
            let value = json!({"mode": mode, "retainUntilTime": time::iso(retention.until)});
            fields.insert("retention".to_owned(), value);
        }
        let policy = self.buckets.get(&route.bucket).and_then(|bucket| bucket.policy);
        let by_policy = policy.map(|policy| entry.time + policy.until);
        if let Some(until) = by_policy.max(retention.map(|retention| retention.until)) {
            fields.insert("retentionExpirationTime".to_owned(), time::iso(until).into());
        }
        item
    }

    fn google_object(&self, route: &Route, request: &Request, _now: i64) -> Answer {
        if self.is(&Effect::HideLock) {
            return failed(403, "forbidden", "The caller doesn't have storage.objects.get access.");
        }
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        match self.meant(bucket, &route.key, request.asks("generation")) {
            Found::Entry(entry) => Answer::json(200, &self.google_item(route, &route.key, entry)),
            _ => self.google_absent(route),
        }
    }

    fn google_absent(&self, route: &Route) -> Answer {
        failed(404, "notFound", &format!("No such object: {}/{}", route.bucket, route.key))
    }

    fn google_bucket(&self, route: &Route) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        let mut about = json!({
            "kind": "storage#bucket",
            "name": route.bucket,
            "versioning": {"enabled": bucket.versioned},
            "iamConfiguration": {
                "publicAccessPrevention": "enforced",
                "uniformBucketLevelAccess": {"enabled": true},
            },
            "softDeletePolicy": {"retentionDurationSeconds": "604800"},
        });
        let Some(fields) = about.as_object_mut() else { return Answer::new(500) };
        if let Some(policy) = bucket.policy {
            let seconds = (policy.until / 1_000_000).to_string();
            let value = json!({"retentionPeriod": seconds, "isLocked": policy.firm});
            fields.insert("retentionPolicy".to_owned(), value);
        }
        if bucket.lockable {
            fields.insert("objectRetention".to_owned(), json!({"mode": "Enabled"}));
        }
        Answer::json(200, &about)
    }

    fn google_delete(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let absent = self.google_absent(route);
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        let id = request.asks("generation");
        let found = match id {
            Some(id) => bucket.find(&route.key, id),
            None => bucket.current(&route.key),
        };
        let Some(entry) = found.cloned() else { return absent };
        // By its name alone it only stops being live, where versions are kept.
        if id.is_none() && bucket.versioned {
            if let Some(entry) = bucket.find_mut(&route.key, None) {
                entry.live = false;
            }
            return Answer::new(204);
        }
        if bucket.guard(&entry, now).is_some() {
            let why = "Object is subject to bucket's retention policy or object retention and cannot be deleted or overwritten.";
            return failed(403, "retentionPolicyNotMet", why);
        }
        bucket.remove(&route.key, &entry.id, false);
        Answer::new(204)
    }

    fn google_patch(&mut self, route: &Route, request: &Request, now: i64) -> Answer {
        let absent = self.google_absent(route);
        let Ok(patch) = serde_json::from_slice::<Value>(&request.body) else {
            return failed(400, "parseError", "Parse Error");
        };
        let overrides = request.asks("overrideUnlockedRetention") == Some("true");
        let Some(bucket) = self.buckets.get_mut(&route.bucket) else { return absent };
        let lockable = bucket.lockable;
        let id = request.asks("generation");
        let Some(entry) = bucket.find_mut(&route.key, id) else { return absent };
        let wanted = request.asks("ifMetagenerationMatch");
        if wanted.is_some_and(|wanted| wanted != entry.metageneration()) {
            let why = "At least one of the pre-conditions you specified did not hold.";
            return failed(412, "conditionNotMet", why);
        }
        if let Some(time) = patch.get("customTime") {
            let time = time.as_str().and_then(time::of_iso);
            if time.is_none() || time < entry.custom_time {
                let why = "Custom time cannot be set to an earlier time, or removed.";
                return failed(400, "invalid", why);
            }
            entry.custom_time = time;
        }
        entry.changes += 1;
        if let Some(hold) = patch.get("temporaryHold").and_then(Value::as_bool) {
            entry.hold = hold;
        }
        let Some(wanted) = patch.get("retention") else {
            return self.google_object(route, request, now);
        };
        if !lockable {
            return failed(400, "invalid", "Object retention isn't enabled for the bucket.");
        }
        let wanted = (!wanted.is_null()).then(|| {
            let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
            let until = time::of_iso(text("retainUntilTime")).unwrap_or(0);
            Retention { firm: text("mode") == "Locked", until }
        });
        let has = entry.retention;
        let weaker = wanted.is_none_or(|wanted| {
            has.is_some_and(|has| wanted.until < has.until || has.firm && !wanted.firm)
        });
        let free = match entry.guard(now) {
            Some(Guard::Firm) => false,
            Some(Guard::Weak) => overrides,
            None => true,
        };
        if weaker && !free {
            return failed(403, "forbidden", "The object's retention can't be reduced or removed.");
        }
        entry.retention = wanted;
        Answer::json(200, &json!({"kind": "storage#object"}))
    }
}

/// An error as the JSON interface tells it.
fn failed(status: u16, reason: &str, message: &str) -> Answer {
    let one = json!({"message": message, "domain": "global", "reason": reason});
    Answer::json(status, &json!({"error": {"code": status, "message": message, "errors": [one]}}))
}
