//! One page of each cloud's listings.

use serde::Deserialize;

use crate::date;
use crate::xml::{self, Fields};
use auditseal_store::Version;

/// What of a query tells where a page begins.
pub(crate) type Query = Vec<(&'static str, String)>;

/// A page; its keys are whole paths in the bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Version>,
    /// Where the next page begins; none on the last.
    pub(crate) next: Option<Query>,
}

/// S3's and Google's answer to `?list-type=2`.
pub(crate) fn s3_objects(body: &[u8]) -> Result<Page, String> {
    let page = xml::page(body, "ListBucketResult", &["Contents"])?;
    let encoded = is_encoded(&page.fields);
    let entries = page.records.iter().map(|(_, fields)| {
        let mut entry = s3_entry(fields, encoded)?;
        entry.latest = true;
        Ok(entry)
    });
    let next = s3_next(&page.fields)?;
    Ok(Page { entries: entries.collect::<Result<_, String>>()?, next })
}

fn s3_next(fields: &Fields) -> Result<Option<Query>, String> {
    let next = filled(fields, "NextContinuationToken")
        .map(|token| vec![("continuation-token", token.to_owned())]);
    if next.is_none() && is_true(fields, "IsTruncated") {
        return Err("it is cut short and doesn't say where it goes on".to_owned());
    }
    Ok(next)
}

/// S3's and Google's answer to `?list-type=2` with a delimiter: folders, and objects beside them.
pub(crate) fn s3_folders(body: &[u8]) -> Result<Page, String> {
    let page = xml::page(body, "ListBucketResult", &["CommonPrefixes", "Contents"])?;
    let encoded = is_encoded(&page.fields);
    let next = s3_next(&page.fields)?;
    let entries = page.records.iter().map(|(element, fields)| {
        let name = if element == "Contents" { "Key" } else { "Prefix" };
        let key = filled(fields, name).ok_or("an entry has no name")?;
        Ok(folder(decoded(key, encoded)))
    });
    Ok(Page { entries: entries.collect::<Result<_, String>>()?, next })
}

/// S3's answer to `?versions` with a delimiter: folders, and versions and markers beside them.
pub(crate) fn s3_all_folders(body: &[u8]) -> Result<Page, String> {
    let records = ["CommonPrefixes", "Version", "DeleteMarker"];
    let page = xml::page(body, "ListVersionsResult", &records)?;
    let encoded = is_encoded(&page.fields);
    let next = s3_next_version(&page.fields, encoded)?;
    let entries = page.records.iter().map(|(element, fields)| {
        let name = if element == "CommonPrefixes" { "Prefix" } else { "Key" };
        let key = filled(fields, name).ok_or("an entry has no name")?;
        Ok(folder(decoded(key, encoded)))
    });
    Ok(Page { entries: entries.collect::<Result<_, String>>()?, next })
}

/// Google's answer to `versions=true` with a delimiter by its JSON interface.
pub(crate) fn google_folders(body: &[u8]) -> Result<Page, String> {
    let page = google_page(body)?;
    let names = page.prefixes.into_iter().chain(page.items.into_iter().map(|item| item.name));
    Ok(Page { entries: names.map(folder).collect(), next: google_next(page.next_page_token) })
}

/// Azure's answer to `comp=list` with a delimiter.
pub(crate) fn azure_folders(body: &[u8]) -> Result<Page, String> {
    let page = xml::page(body, "EnumerationResults", &["BlobPrefix", "Blob"])?;
    let entries = page.records.iter().map(|(_, fields)| Ok(folder(azure_name(fields)?)));
    let next = filled(&page.fields, "NextMarker").map(|marker| vec![("marker", marker.to_owned())]);
    Ok(Page { entries: entries.collect::<Result<_, String>>()?, next })
}

/// Of a folder nothing but its name is told.
fn folder(key: String) -> Version {
    Version { key, id: None, size: 0, modified: 0, latest: true, marker: false, archived: false }
}

fn azure_name(fields: &Fields) -> Result<String, String> {
    let name = filled(fields, "Name").ok_or("an entry has no name")?;
    let encoded = fields.contains_key("Name@encoded");
    Ok(if encoded { unescape(name, false) } else { name.to_owned() })
}

/// S3's answer to `?versions`.
pub(crate) fn s3_versions(body: &[u8]) -> Result<Page, String> {
    let page = xml::page(body, "ListVersionsResult", &["Version", "DeleteMarker"])?;
    let encoded = is_encoded(&page.fields);
    let entries = page.records.iter().map(|(element, fields)| {
        let mut entry = s3_entry(fields, encoded)?;
        let id = filled(fields, "VersionId").ok_or("an entry has no version id")?;
        entry.id = Some(id.to_owned());
        entry.latest = is_true(fields, "IsLatest");
        entry.marker = element == "DeleteMarker";
        Ok(entry)
    });
    let entries = entries.collect::<Result<_, String>>()?;
    Ok(Page { entries, next: s3_next_version(&page.fields, encoded)? })
}

fn s3_next_version(fields: &Fields, encoded: bool) -> Result<Option<Query>, String> {
    if !is_true(fields, "IsTruncated") {
        return Ok(None);
    }
    let key = filled(fields, "NextKeyMarker")
        .ok_or("it is cut short and doesn't say where it goes on")?;
    let mut next = vec![("key-marker", decoded(key, encoded))];
    if let Some(id) = filled(fields, "NextVersionIdMarker") {
        next.push(("version-id-marker", id.to_owned()));
    }
    Ok(Some(next))
}

fn s3_entry(fields: &Fields, encoded: bool) -> Result<Version, String> {
    let key = filled(fields, "Key").ok_or("an entry has no key")?;
    let class = filled(fields, "StorageClass").unwrap_or("");
    Ok(Version {
        key: decoded(key, encoded),
        id: None,
        size: size(filled(fields, "Size"))?,
        modified: date_of(filled(fields, "LastModified"))?,
        latest: false,
        marker: false,
        // GLACIER_IR reads at once.
        archived: matches!(class, "GLACIER" | "DEEP_ARCHIVE"),
    })
}

/// Azure's answer to `comp=list`, with or without versions.
pub(crate) fn azure(body: &[u8], versions: bool) -> Result<Page, String> {
    let page = xml::page(body, "EnumerationResults", &["Blob"])?;
    let mut entries = Vec::with_capacity(page.records.len());
    for (_, fields) in &page.records {
        let key = azure_name(fields)?;
        let deleted = is_true(fields, "Deleted");
        let id = filled(fields, "VersionId").filter(|_| versions);
        entries.push(Version {
            key,
            id: id.map(str::to_owned),
            size: size(filled(fields, "Properties/Content-Length"))?,
            modified: date_of(filled(fields, "Properties/Last-Modified"))?,
            // An account without versions says nothing about them.
            latest: !deleted && (id.is_none() || is_true(fields, "IsCurrentVersion")),
            marker: false,
            archived: filled(fields, "Properties/AccessTier") == Some("Archive"),
        });
    }
    let next = filled(&page.fields, "NextMarker").map(|marker| vec![("marker", marker.to_owned())]);
    Ok(Page { entries, next })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GooglePage {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    items: Vec<GoogleItem>,
    #[serde(default)]
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleItem {
    name: String,
    generation: String,
    size: String,
    updated: String,
    time_deleted: Option<String>,
}

/// Google's answer to `versions=true` by its JSON interface.
pub(crate) fn google_versions(body: &[u8]) -> Result<Page, String> {
    let page = google_page(body)?;
    let entries = page.items.into_iter().map(|item| {
        let deleted = item.time_deleted.as_deref().is_some_and(|time| !time.is_empty());
        Ok(Version {
            key: item.name,
            id: Some(item.generation).filter(|id| !id.is_empty()),
            size: size(Some(&item.size))?,
            modified: date_of(Some(&item.updated))?,
            latest: !deleted,
            marker: false,
            archived: false,
        })
    });
    let entries = entries.collect::<Result<_, String>>()?;
    Ok(Page { entries, next: google_next(page.next_page_token) })
}

fn google_page(body: &[u8]) -> Result<GooglePage, String> {
    let page: GooglePage =
        serde_json::from_slice(body).map_err(|error| format!("its JSON is damaged: {error}"))?;
    // Any JSON object would do for a page without items: "there is nothing".
    if page.kind != "storage#objects" {
        return Err("its JSON isn't a list of objects".to_owned());
    }
    Ok(page)
}

fn google_next(token: Option<String>) -> Option<Query> {
    token.filter(|token| !token.is_empty()).map(|token| vec![("pageToken", token)])
}

fn filled<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(String::as_str).filter(|text| !text.is_empty())
}

fn is_true(fields: &Fields, name: &str) -> bool {
    filled(fields, name).is_some_and(|text| text.trim() == "true")
}

fn size(text: Option<&str>) -> Result<u64, String> {
    // Markers have none.
    text.map_or(Ok(0), |text| text.trim().parse().map_err(|_| "a size isn't a number".to_owned()))
}

fn date_of(text: Option<&str>) -> Result<i64, String> {
    text.and_then(date::parse).ok_or_else(|| "an entry has no readable date".to_owned())
}

/// Not every server does what `encoding-type=url` asks for; one that does says so.
fn is_encoded(fields: &Fields) -> bool {
    filled(fields, "EncodingType") == Some("url")
}

fn decoded(key: &str, encoded: bool) -> String {
    if encoded { unescape(key, true) } else { key.to_owned() }
}

/// Undoes percent-encoding; what isn't any stays as it is, for the key is somebody else's anyway.
pub(crate) fn unescape(text: &str, plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escaped =
            (byte == b'%').then(|| u8::try_from(digit(0)? * 16 + digit(1)?).ok()).flatten();
        rest = match escaped {
            Some(value) => {
                bytes.push(value);
                after.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(if plus && byte == b'+' { b' ' } else { byte });
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: i64 = 1_792_567_680_000_000;

    fn version(key: &str, id: Option<&str>) -> Version {
        Version {
            key: key.to_owned(),
            id: id.map(str::to_owned),
            size: 5,
            modified: DATE,
            latest: true,
            marker: false,
            archived: false,
        }
    }

    #[test]
    fn versions_of_s3() {
        let page = s3_versions(
            b"<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a+b%2F</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>\
            <Version><Key>a%2F%2Fb+c%2B</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><LastModified>2026-10-21T07:28:00.000Z</LastModified><Size>5</Size><StorageClass>STANDARD</StorageClass></Version>\
            <DeleteMarker><Key>k</Key><VersionId>v3</VersionId><IsLatest>false</IsLatest><LastModified>2026-10-21T07:28:00Z</LastModified></DeleteMarker>\
            <Version><Key>k</Key><VersionId>null</VersionId><IsLatest>false</IsLatest><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size><StorageClass>GLACIER</StorageClass></Version>\
            </ListVersionsResult>",
        )
        .unwrap();
        let marker = Version { size: 0, latest: false, marker: true, ..version("k", Some("v3")) };
        let cold = Version { latest: false, archived: true, ..version("k", Some("null")) };
        assert_eq!(page.entries, [version("a//b c+", Some("v1")), marker, cold]);
        let next = [("key-marker", "a b/".to_owned()), ("version-id-marker", "v2".to_owned())];
        assert_eq!(page.next.unwrap(), next);
    }

    #[test]
    fn objects_of_s3_and_google() {
        let page = s3_objects(
            b"<ListBucketResult><Contents><Key>a+%41</Key><LastModified>2026-10-21T07:28:00Z</LastModified><Size>5</Size></Contents></ListBucketResult>",
        );
        let expected = Page { entries: vec![version("a+%41", None)], next: None };
        assert_eq!(page.unwrap(), expected, "as it is where the server encodes nothing");
        let cut = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert!(s3_objects(cut.as_bytes()).unwrap_err().contains("where it goes on"));
        let cut = "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>";
        assert!(s3_versions(cut.as_bytes()).unwrap_err().contains("where it goes on"));
        for (entry, why) in [
            ("<Size>5</Size>", "no key"),
            ("<Key>k</Key><Size>5</Size>", "no readable date"),
            ("<Key>k</Key><Size>-5</Size>", "isn't a number"),
            ("<Key>k</Key><LastModified>2026-10-21T07:28:00Z</LastModified>", "no version id"),
        ] {
            let xml =
                format!("<ListVersionsResult><Version>{entry}</Version></ListVersionsResult>");
            assert!(s3_versions(xml.as_bytes()).unwrap_err().contains(why), "{entry}");
        }
    }

    #[test]
    fn folders_and_what_lies_beside_them() {
        let keys = |page: Result<Page, String>| {
            let page = page.unwrap();
            let keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
            (keys, page.next)
        };
        let s3 = s3_folders(
            b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>a%3Dx</Key></Contents><CommonPrefixes><Prefix>a%3Db/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a%3Dc/</Prefix></CommonPrefixes></ListBucketResult>",
        );
        let next = Some(vec![("continuation-token", "t".to_owned())]);
        assert_eq!(keys(s3), (["a=x", "a=b/", "a=c/"].map(str::to_owned).to_vec(), next));
        let versions = s3_all_folders(
            b"<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a%3Dc/</NextKeyMarker><DeleteMarker><Key>a%3Dx</Key></DeleteMarker><Version><Key>a%3Dy</Key></Version><CommonPrefixes><Prefix>a%3Db/</Prefix></CommonPrefixes></ListVersionsResult>",
        );
        let next = Some(vec![("key-marker", "a=c/".to_owned())]);
        assert_eq!(keys(versions), (["a=x", "a=y", "a=b/"].map(str::to_owned).to_vec(), next));
        let google = google_folders(
            br#"{"kind":"storage#objects","nextPageToken":"t","prefixes":["a=b/","a=c/"]}"#,
        );
        let next = Some(vec![("pageToken", "t".to_owned())]);
        assert_eq!(keys(google), (["a=b/", "a=c/"].map(str::to_owned).to_vec(), next));
        for other in ["<ListBucketResult></ListBucketResult>", "{}"] {
            assert!(s3_all_folders(other.as_bytes()).is_err(), "{other}");
            assert!(google_folders(other.as_bytes()).is_err(), "{other}");
        }
        let azure = azure_folders(
            b"<EnumerationResults><Blobs><BlobPrefix><Name>a=b/</Name></BlobPrefix><Blob><Name>a=x</Name></Blob></Blobs><NextMarker/></EnumerationResults>",
        );
        assert_eq!(keys(azure), (["a=b/", "a=x"].map(str::to_owned).to_vec(), None));
        let cut = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert!(s3_folders(cut.as_bytes()).unwrap_err().contains("where it goes on"));
    }

    #[test]
    fn versions_of_azure() {
        let blob = |name: &str, more: &str| {
            format!(
                "<Blob><Name>{name}</Name>{more}<Properties><Last-Modified>Wed, 21 Oct 2026 07:28:00 GMT</Last-Modified><Content-Length>5</Content-Length><AccessTier>Archive</AccessTier></Properties></Blob>"
            )
        };
        let list = |blobs: &str| {
            format!(
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"x\" ContainerName=\"c\"><Blobs>{blobs}</Blobs><NextMarker>m1</NextMarker></EnumerationResults>"
            )
        };
        let blobs =
            blob("k", "<VersionId>2026-1</VersionId><IsCurrentVersion>true</IsCurrentVersion>")
                + &blob("k", "<VersionId>2026-0</VersionId>")
                + &blob("gone", "<Deleted>true</Deleted>")
                + &blob("plain", "");
        let page = azure(list(&blobs).as_bytes(), true).unwrap();
        let cold = |key, id, latest| Version { archived: true, latest, ..version(key, id) };
        assert_eq!(
            page.entries,
            [
                cold("k", Some("2026-1"), true),
                cold("k", Some("2026-0"), false),
                cold("gone", None, false),
                cold("plain", None, true)
            ]
        );
        assert_eq!(page.next.unwrap(), [("marker", "m1".to_owned())]);
    }

    #[test]
    fn versions_of_google() {
        let item = |name: &str, more: &str| {
            format!(
                "{{\"name\":\"{name}\",\"generation\":\"17\",\"size\":\"5\",\"updated\":\"2026-10-21T07:28:00.000Z\"{more}}}"
            )
        };
        let deleted = item("b", ",\"timeDeleted\":\"2026-10-22T07:28:00.000Z\"");
        let body = format!(
            "{{\"kind\":\"storage#objects\",\"nextPageToken\":\"t\",\"items\":[{},{deleted}]}}",
            item("a//b", "")
        );
        let page = google_versions(body.as_bytes()).unwrap();
        let old = Version { latest: false, ..version("b", Some("17")) };
        assert_eq!(page.entries, [version("a//b", Some("17")), old]);
        assert_eq!(page.next.unwrap(), [("pageToken", "t".to_owned())]);
        let empty = google_versions(b"{\"kind\":\"storage#objects\"}").unwrap();
        assert_eq!(empty, Page { entries: vec![], next: None });
        for body in
            ["", "{}", "[]", "{\"items\":[]}", "{\"kind\":\"storage#objects\",\"items\":[{}]}"]
        {
            assert!(google_versions(body.as_bytes()).is_err(), "{body}");
        }
    }
}
