//! Tags of objects, as S3 and Azure keep them. A lock stands in the way of neither: S3's Object Lock
//! is for the bytes, and that of AWS leaves tags to whoever may set them, says its documentation.

use crate::message::{Answer, Request, element, escape};
use crate::s3::SPACE;
use crate::sign;
use crate::world::{Found, Route, World};

/// The most that S3 and Azure take.
const MOST: usize = 10;

impl World {
    pub(crate) fn s3_tags(&self, route: &Route, request: &Request) -> Answer {
        let bucket = self.s3_bucket(route);
        match self.meant(bucket, &route.key, request.asks("versionId")) {
            Found::Entry(entry) => {
                let answer = Answer::xml(200, &written(&entry.tags, "Tagging", SPACE));
                match bucket.versioned {
                    true => answer.header("x-amz-version-id", entry.id.as_str()),
                    false => answer,
                }
            }
            Found::Marker => {
                let why = "The specified method is not allowed against this resource.";
                self.error(405, "MethodNotAllowed", why).header("x-amz-delete-marker", "true")
            }
            Found::NoVersion => self.s3_no_version(request.asks("versionId")),
            Found::NoKey => self.error(404, "NoSuchKey", "The specified key does not exist."),
        }
    }

    pub(crate) fn s3_put_tags(&mut self, route: &Route, request: &Request) -> Answer {
        let has_sum = request
            .headers
            .iter()
            .any(|(name, _)| name == "content-md5" || name.starts_with("x-amz-checksum-"));
        if !has_sum {
            let why = "Missing required header for this request: Content-MD5";
            return self.error(400, "InvalidRequest", why);
        }
        let found = self.s3_tags(route, request);
        if found.status != 200 {
            return found;
        }
        let Some(tags) = read(&request.body, "Tagging") else {
            return self.error(400, "MalformedXML", "The XML you provided was not well-formed");
        };
        if let Err((status, code, why)) = check(&tags) {
            return self.error(status, code, why);
        }
        let bucket = self.buckets.get_mut(&route.bucket);
        let entry =
            bucket.and_then(|bucket| bucket.find_mut(&route.key, request.asks("versionId")));
        if let Some(entry) = entry {
            entry.tags = tags;
        }
        let version = found.headers.into_iter().find(|(name, _)| name == "x-amz-version-id");
        version.map_or(Answer::new(200), |(name, id)| Answer::new(200).header(&name, id))
    }

    pub(crate) fn azure_tags(&self, route: &Route, request: &Request) -> Answer {
        let Some(bucket) = self.buckets.get(&route.bucket) else { return Answer::new(404) };
        match self.meant(bucket, &route.key, request.asks("versionid")) {
            Found::Entry(entry) => Answer::xml(200, &written(&entry.tags, "Tags", "")),
            _ => self.azure_absent(),
        }
    }

    pub(crate) fn azure_put_tags(&mut self, route: &Route, request: &Request) -> Answer {
        let absent = self.azure_absent();
        let Some(tags) = read(&request.body, "Tags") else {
            let why = "XML specified is not syntactically valid.";
            return self.error(400, "InvalidXmlDocument", why);
        };
        if tags.len() > MOST {
            return self.error(400, "InvalidTags", "The tags specified are invalid.");
        }
        let bucket = self.buckets.get_mut(&route.bucket);
        let entry =
            bucket.and_then(|bucket| bucket.find_mut(&route.key, request.asks("versionid")));
        match entry {
            Some(entry) => {
                entry.tags = tags;
                Answer::new(204)
            }
            None => absent,
        }
    }
}

fn written(tags: &[(String, String)], root: &str, space: &str) -> String {
    let tag = |(name, value): &(String, String)| {
        format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(name), escape(value))
    };
    let tags: String = tags.iter().map(tag).collect();
    format!("<{root} {space}><TagSet>{tags}</TagSet></{root}>")
}

/// The tags of a request; none where it isn't one of tags.
fn read(body: &[u8], root: &str) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(body);
    let is_one = text.contains(&format!("<{root}")) && text.contains("<TagSet>");
    let parts = text
        .split("<Tag>")
        .skip(1)
        .map(|part| Some((element(part.as_bytes(), "Key")?, element(part.as_bytes(), "Value")?)));
    is_one.then(|| parts.collect()).flatten()
}

fn check(tags: &[(String, String)]) -> Result<(), sign::Refusal> {
    let twice = |(at, (name, _)): (usize, &(String, String))| {
        tags.iter().take(at).any(|(other, _)| other == name)
    };
    if tags.len() > MOST {
        return Err((400, "BadRequest", "Object tags cannot be greater than 10"));
    }
    if tags.iter().enumerate().any(twice) {
        return Err((400, "InvalidTag", "Cannot provide multiple Tags with the same key"));
    }
    Ok(())
}
