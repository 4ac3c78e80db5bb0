//! One page about a proof, for people who aren't engineers: to be read in a browser, and printed.
//!
//! It has no script, loads nothing, and its policy forbids both: whatever the event says is text.

use auditseal_chain::{Verdict, escape_html};
use auditseal_format::hash;

use crate::proved::Proved;
use crate::shown::shown;

/// Bytes of an event that the page shows. The file has all of them.
const SHOWN: usize = 256 << 10;

const STYLE: &str = "
body{font:16px/1.5 Georgia,'Times New Roman',serif;color:#1a1a1a;background:#fff;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #999}
.result{border:3px solid #14532d;padding:.7rem 1rem;font-size:1.1rem}
.refused{border-color:#8b1a1a}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}
th{font-weight:normal;color:#444;width:38%}
code,pre{font:13px/1.4 'DejaVu Sans Mono',Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;border:1px solid #bbb;padding:.6rem;margin:.5rem 0}
li{margin:.35rem 0;overflow-wrap:anywhere}
footer{margin-top:2rem;font-size:.85rem;color:#444}
@page{margin:18mm}
@media print{body{font-size:11pt;margin:0;max-width:none;padding:0}code,pre{font-size:8.5pt}h2{break-after:avoid}tr,li{break-inside:avoid}}
";

/// SHA-256 of [`STYLE`], base64: the page's policy lets this style in and nothing else.
const STYLE_HASH: &str = "DuS1r1AHM8yfla0csMVT6oIcAiKugCpc0MM+S6VMQCs=";

/// The page about an event that is proved, or about why none is.
pub(crate) fn page(proved: Option<&Proved<'_>>, fault: Option<(Verdict, &str)>) -> String {
    let (title, body) = match (proved, fault) {
        (Some(proved), _) => ("An audit event, and its proof", proved_body(proved)),
        (None, fault) => ("This file proves nothing", refused_body(fault)),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

fn refused_body(fault: Option<(Verdict, &str)>) -> String {
    let (verdict, why) = fault.unwrap_or((Verdict::Malformed, ""));
    format!(
        "<p class=\"result refused\">The check failed: <strong>{}</strong>.</p>\n<p>{}</p>\n\
         <p>Nothing in this file should be relied on. It may have been damaged on its way, made by somebody \
         else than it says, or altered: ask whoever gave it to you for another copy.</p>\n",
        verdict.name(),
        escape_html(why)
    )
}

fn proved_body(proved: &Proved<'_>) -> String {
    let (proof, seal) = (proved.proof, proved.proof.seal());
    let mut page = format!(
        "<p class=\"result\">The check succeeded: the record below is exactly the one that <strong>{}</strong> \
         sealed at <strong>{}</strong>, down to the last character.</p>\n\
         <p>A Kubernetes cluster's API server writes one record for each request that it is asked to carry \
         out. On that server's node a program takes these records, and signs them in groups, called seals, with \
         a key that only the node has. This page is about one record of such a group.</p>\n",
        escape_html(&seal.origin.to_string()),
        escape_html(&seal.sealed.to_string())
    );
    page += "<h2>What the record says</h2>\n";
    page += &match &proved.fields {
        None => "<p>It isn't in the shape that could be read in one way only, so it isn't interpreted here. \
                 Its characters stand below.</p>\n"
            .to_owned(),
        Some(fields) => table(fields.iter().map(|field| {
            (format!("{} (<code>{}</code>)", escape_html(field.words), field.name), escape_html(&field.value))
        })),
    };
    page += &list("What is proved", &proved.proves);
    page += &list("What is not proved", &proved.lacks);
    page += "<h2>Where it was sealed</h2>\n";
    let code = |value: String| format!("<code>{}</code>", escape_html(&value));
    page += &table(
        [
            ("Chain of seals (cluster, node, log)", code(seal.origin.to_string())),
            ("Number of the seal in it", code(seal.seq.to_string())),
            ("Fingerprint of the seal", code(proof.id().hash.to_string())),
            ("Line of the seal", code(format!("{} of {}", proof.line(), seal.payload.root.lines))),
            ("Key that signed it", code(seal.key.to_string())),
            ("Sealed, by the node's clock", code(seal.sealed.to_string())),
            ("Fingerprint of the record (BLAKE3)", code(hash(proof.event()).to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter(),
    );
    page += &verbatim(proof.event());
    page += "<footer>Made by <code>auditseal check</code>. The page itself proves nothing: whoever doubts it \
             checks the file it was made of again, with auditseal or with the second, independent program that \
             comes with it, and a key that they have from somebody they trust.</footer>\n";
    page
}

fn table(rows: impl Iterator<Item = (String, String)>) -> String {
    let rows = rows.map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>\n"));
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

fn list(title: &str, sentences: &[String]) -> String {
    let items = sentences.iter().map(|sentence| format!("<li>{}</li>\n", with_code(sentence)));
    format!("<h2>{title}</h2>\n<ul>\n{}</ul>\n", items.collect::<String>())
}

/// A sentence, in which a command stands between backticks.
fn with_code(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let parts = parts.map(|(nth, part)| match nth % 2 {
        0 => escape_html(part),
        _ => format!("<code>{}</code>", escape_html(part)),
    });
    parts.collect()
}

fn verbatim(event: &[u8]) -> String {
    let first = &event[..event.len().min(SHOWN)];
    let more = match event.len() - first.len() {
        0 => String::new(),
        more => format!("<p>… and {more} more bytes, which are in the file.</p>\n"),
    };
    format!(
        "<h2>The record, character by character</h2>\n<p>{} bytes. What can't be seen is written as \
         <code>\\u{{…}}</code> or <code>\\x…</code>; the last line of the file has the bytes themselves.</p>\n\
         <pre>{}</pre>\n{more}",
        event.len(),
        escape_html(&shown(first))
    )
}
