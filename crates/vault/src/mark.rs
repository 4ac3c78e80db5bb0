//! Marking versions as ones that may go, and reading that back.
//!
//! S3 and Azure know tags, and a lifecycle selects by them: the version gets one more, and those that
//! it has stay. Google knows none: there a lifecycle counts days from an object's custom time, which is
//! set once and never moved. Each way the store is asked first what stands there, so marking again
//! changes nothing, and a server that doesn't know the question is never sent the change: it might
//! take it for the object's bytes.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use object_store::client::HttpError;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::call::Call;
use crate::request::{Cloud, Dialect, Reply, encode};
use crate::{checksum, date, translate, xml};
use auditseal_store::{Error, Kind, MARK};

/// The tags that an object may have on S3 and on Azure, by their documentation.
const TAGS: usize = 10;

/// What is asked of Google's objects.
const FIELDS: &str = "generation,metageneration,customTime";

/// Marks the version of the object at `path` in the bucket.
pub(crate) async fn set(
    call: &Call,
    cloud: &Cloud,
    path: &str,
    version: Option<&str>,
) -> Result<(), Error> {
    let marking = Marking { call, cloud, path, version };
    match &cloud.dialect {
        Dialect::Google { json, .. } => marking.set_time(json).await,
        Dialect::S3 { bucket } => marking.set_tag(bucket, &S3).await,
        Dialect::Azure { container } => marking.set_tag(container, &AZURE).await,
    }
}

/// Whether the version of the object at `path` in the bucket is marked.
pub(crate) async fn read(
    call: &Call,
    cloud: &Cloud,
    path: &str,
    version: Option<&str>,
) -> Result<bool, Error> {
    let marking = Marking { call, cloud, path, version };
    match &cloud.dialect {
        Dialect::Google { json, .. } => {
            marking.google(json).await.map(|(object, _)| object.has_time())
        }
        Dialect::S3 { bucket } => marking.tags(bucket, &S3).await.map(|tags| is_marked(&tags)),
        Dialect::Azure { container } => {
            marking.tags(container, &AZURE).await.map(|tags| is_marked(&tags))
        }
    }
}

/// How a cloud is asked for tags.
struct Tagging {
    query: (&'static str, &'static str),
    version: &'static str,
    /// The header in which it says whose tags these are, if it does.
    answered: &'static str,
    root: &'static str,
    space: &'static str,
}

const S3: Tagging = Tagging {
    query: ("tagging", ""),
    version: "versionId",
    answered: "x-amz-version-id",
    root: "Tagging",
    space: " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"",
};

const AZURE: Tagging = Tagging {
    query: ("comp", "tags"),
    version: "versionid",
    answered: "x-ms-version-id",
    root: "Tags",
    space: "",
};

type Tags = Vec<(String, String)>;

fn is_marked(tags: &Tags) -> bool {
    tags.iter().any(|(name, value)| (name.as_str(), value.as_str()) == MARK)
}

struct Marking<'a> {
    call: &'a Call,
    cloud: &'a Cloud,
    path: &'a str,
    version: Option<&'a str>,
}

impl Marking<'_> {
    async fn set_tag(&self, base: &str, how: &Tagging) -> Result<(), Error> {
        let mut tags = self.tags(base, how).await?;
        if is_marked(&tags) {
            return Ok(());
        }
        tags.retain(|(name, _)| name != MARK.0);
        if tags.len() >= TAGS {
            let why = format!("it has {} tags, and there is no room for another", tags.len());
            return Err(self
                .call
                .error(Kind::Invalid, &why)
                .with_hint("auditseal sets none but its own: take one of the others away"));
        }
        tags.push((MARK.0.to_owned(), MARK.1.to_owned()));
        let body = written(&tags, how);
        let mut headers = match self.cloud.dialect {
            Dialect::S3 { .. } => checksum::of_request(&body),
            _ => Vec::new(),
        };
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=UTF-8")));
        let sent = self.send_body(Method::PUT, base, &self.query(how), headers, body).await;
        self.check_version(&sent.map_err(|error| self.failed(&error))?, how)
    }

    async fn tags(&self, base: &str, how: &Tagging) -> Result<Tags, Error> {
        let path = encode(self.path, "/");
        let sent = self.cloud.send(Method::GET, base, &path, &self.query(how), &[]).await;
        let reply = sent.map_err(|error| self.failed(&error))?;
        self.check_version(&reply, how)?;
        let page = xml::page(&reply.body, how.root, &["Tag"]);
        let page = page.map_err(|why| self.unreadable(&why))?;
        let tags = page.records.into_iter().map(|(_, mut tag)| {
            let name = tag.remove("Key").filter(|name| !name.is_empty());
            Some((name?, tag.remove("Value").unwrap_or_default()))
        });
        let tags: Option<Tags> = tags.collect();
        tags.ok_or_else(|| self.unreadable("a tag has no name"))
    }

    fn query<'a>(&'a self, how: &Tagging) -> Vec<(&'static str, &'a str)> {
        let version = self.version.map(|id| (how.version, id));
        [how.query].into_iter().chain(version).collect()
    }

    /// Not every server says whose tags it gives. One that does must say that of the version asked.
    fn check_version(&self, reply: &Reply, how: &Tagging) -> Result<(), Error> {
        match reply.header(how.answered) {
            "" => Ok(()),
            said => self.call.check_version(self.version, Some(said)),
        }
    }

    async fn set_time(&self, json: &str) -> Result<(), Error> {
        let (object, reply) = self.google(json).await?;
        if object.has_time() {
            return Ok(());
        }
        // By the store's own clock: it is what a lifecycle's days are counted with, and once set it
        // can't be moved back.
        let now = date::parse(reply.header("date")).and_then(|now| u64::try_from(now).ok());
        let now = now.and_then(|now| date::iso(UNIX_EPOCH + Duration::from_micros(now)));
        let now = now.ok_or_else(|| self.unreadable("it has no date"))?;
        let known = object.metageneration.as_deref();
        let known = known.ok_or_else(|| self.unreadable("it has no metageneration"))?;
        let query = [
            ("fields", FIELDS),
            ("generation", object.generation.as_str()),
            ("ifMetagenerationMatch", known),
        ];
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let body = Bytes::from(format!("{{\"customTime\":\"{now}\"}}"));
        let path = format!("o/{}", encode(self.path, ""));
        let sent = self.cloud.send_body(Method::PATCH, json, &path, &query, headers, body).await;
        let reply = sent.map_err(|error| self.failed(&error))?;
        // A server that takes no notice of the generation changes the latest.
        let changed: GoogleObject = self.json(&reply)?;
        self.call.check_version(Some(&object.generation), Some(&changed.generation))?;
        match changed.has_time() {
            true => Ok(()),
            false => Err(self.unreadable("the object has no custom time after it was set")),
        }
    }

    async fn google(&self, json: &str) -> Result<(GoogleObject, Reply), Error> {
        let mut query = vec![("fields", FIELDS)];
        query.extend(self.version.map(|id| ("generation", id)));
        let path = format!("o/{}", encode(self.path, ""));
        let sent = self.cloud.send(Method::GET, json, &path, &query, &[]).await;
        let reply = sent.map_err(|error| self.failed(&error))?;
        let object: GoogleObject = self.json(&reply)?;
        self.call.check_version(self.version, Some(&object.generation))?;
        Ok((object, reply))
    }

    async fn send_body(
        &self,
        method: Method,
        base: &str,
        query: &[(&str, &str)],
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Reply, HttpError> {
        let path = encode(self.path, "/");
        self.cloud.send_body(method, base, &path, query, headers, body).await
    }

    fn failed(&self, error: &HttpError) -> Error {
        let failure = translate::failed_exchange(error);
        // Not where the credentials are missing, wrong or too old.
        let forbidden =
            failure.is_some_and(|why| why.status() == Some(403) && !is_of_keys(why.code()));
        let error = self.call.http(error);
        match error.kind() {
            Kind::Denied if forbidden => error.with_hint(match self.cloud.dialect {
                Dialect::S3 { .. } => "marking is the packer's: its credentials need s3:GetObjectVersionTagging and s3:PutObjectVersionTagging on the archive, and no other's should have them",
                Dialect::Google { .. } => "marking is the packer's: its credentials need storage.objects.get and storage.objects.update on the archive, and no other's should have the second",
                Dialect::Azure { .. } => "marking is the packer's: its credentials need blobs/tags/read and blobs/tags/write on the archive (of a signature, t), and no other's should have them",
            }),
            Kind::Unsupported => error.with_hint("the server knows no tags, so no lifecycle can tell what is packed: let nothing expire there, least of all by age; packs serve readers all the same"),
            _ => error,
        }
    }

    fn json<'a, T: Deserialize<'a>>(&self, reply: &'a Reply) -> Result<T, Error> {
        serde_json::from_slice(&reply.body).map_err(|error| self.unreadable(&error.to_string()))
    }

    fn unreadable(&self, why: &str) -> Error {
        self.call.error(Kind::Unavailable, &format!("the answer can't be understood: {why}"))
    }
}

/// Whether an error's code is about who asks, and not about what may be done.
fn is_of_keys(code: &str) -> bool {
    let words = ["Token", "AccessKey", "Signature", "Skewed", "AuthenticationFailed"];
    words.iter().any(|word| code.contains(word))
}

fn written(tags: &Tags, how: &Tagging) -> Bytes {
    let tag = |(name, value): &(String, String)| {
        let (name, value) = (xml::escape(name), xml::escape(value));
        format!("<Tag><Key>{name}</Key><Value>{value}</Value></Tag>")
    };
    let tags: String = tags.iter().map(tag).collect();
    let (root, space) = (how.root, how.space);
    format!("<{root}{space}><TagSet>{tags}</TagSet></{root}>").into()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleObject {
    generation: String,
    metageneration: Option<String>,
    custom_time: Option<String>,
}

impl GoogleObject {
    /// Whether it has a custom time, and so is marked.
    fn has_time(&self) -> bool {
        self.custom_time.as_ref().is_some_and(|time| !time.is_empty())
    }
}
