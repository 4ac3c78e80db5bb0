//! The XML of listings, read from servers that may be hostile: flat, bounded, nothing expanded.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// The texts of an element's leaves by their path below it: `Properties/Content-Length`.
pub(crate) type Fields = BTreeMap<String, String>;

/// A page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// What stands beside the records.
    pub(crate) fields: Fields,
    /// The records with the names of their elements, in their order.
    pub(crate) records: Vec<(String, Fields)>,
}

/// Elements may be nested so deep; the clouds need five.
const DEPTH: usize = 12;
/// The most records in a page: Azure's largest.
const RECORDS: usize = 5000;
/// The most fields of a record, or beside the records.
const FIELDS: usize = 200;

/// Reads a document whose root is `root`, with an element of each of the names in `records` as a
/// record. Of a field that is there twice the first counts; [`all`] gives the others too.
///
/// # Errors
/// A sentence when it is anything else, cut short, or larger than any store's page.
pub(crate) fn page(xml: &[u8], root: &str, records: &[&str]) -> Result<Page, String> {
    let mut reader = Reader::from_reader(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder { root, names: records, ..Builder::default() };
    loop {
        let event = reader.read_event().map_err(|error| format!("its XML is damaged: {error}"))?;
        match event {
            Event::Start(start) => builder.open(&start)?,
            Event::End(_) => builder.close()?,
            Event::Text(text) => {
                builder.text.push_str(&text.decode().map_err(|_| "its XML isn't UTF-8")?);
            }
            Event::CData(text) => {
                builder.text.push_str(&text.decode().map_err(|_| "its XML isn't UTF-8")?);
            }
            Event::GeneralRef(reference) => builder.text.push_str(&resolve(&reference)?),
            Event::DocType(_) => return Err("its XML declares a document type".to_owned()),
            Event::Eof => return builder.finish(),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// All texts of a field, in their order.
pub(crate) fn all<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a str> {
    let again = format!("{name}#");
    let more = fields.range(again.clone()..).take_while(move |(at, _)| at.starts_with(&again));
    fields.get(name).into_iter().chain(more.map(|(_, text)| text)).map(String::as_str)
}

/// A text as it stands in an element.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// One of the five entities that every document has, or a character by its number.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    let unknown = || "its XML refers to an unknown entity".to_owned();
    if let Some(character) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(|_| unknown())?;
    resolve_predefined_entity(&name).map(str::to_owned).ok_or_else(unknown)
}

#[derive(Default)]
struct Builder<'a> {
    root: &'a str,
    names: &'a [&'a str],
    page: Page,
    /// The open elements, outermost first.
    path: Vec<String>,
    /// How many of them stand outside the open record, itself included.
    record: Option<usize>,
    text: String,
    /// Whether the innermost open element has had no child: then its text counts.
    leaf: bool,
}

impl Builder<'_> {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        if self.path.is_empty() && name != self.root {
            return Err(format!("its XML is no {}", self.root));
        }
        if self.path.len() >= DEPTH {
            return Err("its XML is nested too deep".to_owned());
        }
        let begins = self.record.is_none() && self.names.contains(&name.as_str());
        if begins {
            if self.page.records.len() >= RECORDS {
                return Err(format!("it has more than {RECORDS} entries in one page"));
            }
            self.page.records.push((name.clone(), Fields::new()));
            self.record = Some(self.path.len() + 1);
        }
        self.path.push(name);
        self.text.clear();
        self.leaf = true;
        // Azure marks names that XML can't hold, and writes them percent-encoded.
        let encoded = start.attributes().flatten().any(|attribute| {
            attribute.key.as_ref() == b"Encoded" && attribute.value.as_ref() == b"true"
        });
        if encoded { self.store("@encoded", "true".to_owned()) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), String> {
        if self.leaf {
            let text = std::mem::take(&mut self.text);
            self.store("", text)?;
        }
        self.path.pop();
        self.leaf = false;
        self.text.clear();
        if self.record.is_some_and(|depth| depth > self.path.len()) {
            self.record = None;
        }
        Ok(())
    }

    fn store(&mut self, suffix: &str, text: String) -> Result<(), String> {
        let outside = self.record.unwrap_or(1).min(self.path.len());
        let fields = match (self.record, self.page.records.last_mut()) {
            (Some(_), Some((_, fields))) => fields,
            _ => &mut self.page.fields,
        };
        if fields.len() >= FIELDS {
            return Err("its XML has too many fields".to_owned());
        }
        let mut name = self.path.get(outside..).unwrap_or_default().join("/") + suffix;
        if fields.contains_key(&name) {
            // No element's name has a '#'. Of equal length, so that they sort as they came.
            name = format!("{name}#{:03}", fields.len());
        }
        fields.insert(name, text);
        Ok(())
    }

    fn finish(self) -> Result<Page, String> {
        if !self.path.is_empty() || self.root.is_empty() {
            return Err("its XML ends early".to_owned());
        }
        // Without any element at all the name of the root was never compared.
        if self.page == Page::default() {
            return Err(format!("its XML is no {}", self.root));
        }
        Ok(self.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Page, String> {
        page(xml.as_bytes(), "R", &["V", "M"])
    }

    #[test]
    fn records_and_fields() {
        let page = read(
            "<?xml version=\"1.0\"?>\n<R xmlns=\"x\">\n <Name>b</Name> <V> <K>a&amp;b &#x41;<![CDATA[<]]></K><O><I>1</I></O><V>in</V></V>\n<M><K> s </K><K>again</K><L>x</L><K>and again</K></M><E/><More>true</More></R>\n",
        )
        .unwrap();
        let field = |fields: &Fields, name: &str| fields.get(name).cloned().unwrap_or_default();
        assert_eq!(page.records.len(), 2);
        let (name, fields) = &page.records[0];
        assert_eq!((name.as_str(), field(fields, "K").as_str()), ("V", "a&b A<"));
        assert_eq!((field(fields, "O/I"), field(fields, "V")), ("1".into(), "in".into()));
        assert_eq!(field(&page.records[1].1, "K"), " s ", "as it is, and the first counts");
        let keys: Vec<_> = all(&page.records[1].1, "K").collect();
        assert_eq!(keys, [" s ", "again", "and again"]);
        assert_eq!(all(&page.records[1].1, "none").count(), 0);
        assert_eq!(field(&page.fields, "More"), "true");
        assert_eq!(page.fields.get("E").map(String::as_str), Some(""));
        assert!(
            read("<R><V><N Encoded=\"true\">a%20</N></V></R>").unwrap().records[0]
                .1
                .contains_key("N@encoded")
        );
    }

    #[test]
    fn an_empty_page_is_a_page() {
        assert_eq!(read("<R/>").unwrap().records, []);
        assert_eq!(read("<R></R>").unwrap().records, []);
    }

    #[test]
    fn whatever_else_is_refused() {
        let deep = format!("<R>{}", "<a>".repeat(20));
        let many = format!("<R>{}</R>", "<V><K>x</K></V>".repeat(RECORDS + 1));
        let wide: String = (0..=FIELDS).map(|at| format!("<f{at}/>")).collect();
        let wide = format!("<R><V>{wide}</V></R>");
        for (xml, why) in [
            ("", "is no R"),
            ("words", "is no R"),
            ("{\"items\":[]}", "is no R"),
            ("<Error><Code>X</Code></Error>", "is no R"),
            ("<R><V><K>x</K></V>", "ends early"),
            ("<R><V><K>x", "ends early"),
            ("<R><V></R></V>", "damaged"),
            ("<!DOCTYPE R [<!ENTITY a \"aaaa\">]><R>&a;</R>", "document type"),
            ("<R><V><K>&a;</K></V></R>", "unknown entity"),
            ("<R><V><K>&#0;</K></V></R>", "entity"),
            (&deep, "too deep"),
            (&many, "more than 5000"),
            (&wide, "too many fields"),
        ] {
            let error = read(xml).unwrap_err();
            assert!(error.contains(why), "{:.40}: {error}", xml);
        }
    }
}
