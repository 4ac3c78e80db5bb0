//! Lives as one page: a timeline to be read in a browser, and printed.
//!
//! It loads nothing. Its policy lets its own style and its own script run, by their hashes, and nothing else: whatever a
//! client wrote is text. The script only hides entries; without it all of them are shown.

use std::sync::Arc;

use auditseal_format::{Origin, sha256};
use auditseal_history::life::{Mark, Moment, ObjectName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::deed_word;
use crate::live::ComparedObject;
use crate::lives::ToldEntry;
use crate::marked::moment_yaml;
use crate::said::{self, SaidKind, deed, reason, who, word};
use crate::shown::{html, object_name};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Writes a page, piece by piece.
#[derive(Debug)]
pub struct LifePage {
    chains: Vec<Origin>,
    last: Option<Arc<ObjectName>>,
}

/// What a style or a script is called in a policy.
fn hashed(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())))
}

/// How entries are coloured and filtered.
fn class(word: &str) -> &'static str {
    match word {
        "created" => "created",
        "refused" => "refused",
        "undecided" => "undecided",
        "deleted" | "deletionBegun" | "deletedWithCollection" => "deleted",
        "noticed" => "noticed",
        "quiet" | "nothing" => "quiet",
        _ => "changed",
    }
}

fn marked(mark: Option<&Mark>) -> String {
    let Some(mark) = mark else { return String::new() };
    let why = reason(mark).map(|why| format!(": {}", html(&why))).unwrap_or_default();
    format!(" <span class=\"mark {0}\">{0}{why}</span>", word(mark))
}

impl LifePage {
    /// Of chains in the order in which they are numbered.
    #[must_use]
    pub fn new(chains: Vec<Origin>) -> Self {
        Self { chains, last: None }
    }

    /// Its begin; `title`: what was asked, `asked`: the same with what was searched.
    #[must_use]
    pub fn begin(&self, title: &str, asked: &str) -> String {
        let (title, style, script) = (html(title), hashed(STYLE), hashed(SCRIPT));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {style}; script-src {script}; \
             base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n\
             <p>Each change says how well it is known. <span class=\"mark exact\">exact</span> the log holds the object before and \
             after, and proves that this request made the one of the other. <span class=\"mark inferred\">inferred</span> it follows \
             from what the log holds, and what is said there is missing for a proof. <span class=\"mark unknown\">unknown</span> it \
             can't be told, and why.</p>\n<div id=\"filters\"></div>\n<main>\n",
            html(asked)
        )
    }

    /// One entry, with what stands before it.
    pub fn entry(&mut self, told: &ToldEntry) -> String {
        let entry = &told.entry;
        let mut page = String::new();
        if self.last.as_ref() != Some(&told.object) {
            page += &format!("<h2>{}</h2>\n", html(&object_name(&told.object)));
            self.last = Some(Arc::clone(&told.object));
        }
        let when = entry
            .when
            .map_or_else(|| "at a time that isn't certain".to_owned(), |when| when.to_string());
        page += &format!(
            "<article class=\"{}\">\n<time>{when}</time>\n<h3>{}: {}{}</h3>\n<ul>\n",
            class(deed_word(&entry.deed)),
            html(&who(entry)),
            html(&deed(entry)),
            told.uid_unknown()
        );
        for said in said::told(entry, told.flows.as_deref(), &self.chains, true) {
            let class = match said.kind {
                SaidKind::Meaning => "meaning",
                SaidKind::Field => "field",
                SaidKind::Who => "who",
                SaidKind::Note => "note",
                SaidKind::Flow => "flow",
                SaidKind::Sealed => "sealed",
            };
            page += &format!(
                "<li class=\"{class}\">{}{}</li>\n",
                html(&said.text),
                marked(said.mark.as_ref())
            );
        }
        page += "</ul>\n</article>\n";
        page
    }

    /// What an object was at a time.
    #[must_use]
    pub fn moment(&self, object: &ObjectName, moment: &Moment) -> String {
        format!(
            "<h2>{} at {}</h2>\n<pre>{}</pre>\n",
            html(&object_name(object)),
            moment.time,
            html(&moment_yaml(object, moment, &self.chains))
        )
    }

    /// What comparisons came to.
    #[must_use]
    pub fn compared(&self, all: &[ComparedObject]) -> String {
        let lines: String = all.iter().map(ComparedObject::lines).collect();
        format!("<h2>Compared with what is live</h2>\n<pre>{}</pre>\n", html(&lines))
    }

    /// Its end: what the answer rests on.
    #[must_use]
    pub fn end(&self, footer: &[String]) -> String {
        let none =
            if self.last.is_none() { "<p>The trail holds no such request.</p>\n" } else { "" };
        let lines: String =
            footer.iter().map(|line| format!("<li>{}</li>\n", html(line.trim_start()))).collect();
        format!(
            "{none}</main>\n<footer>\n<h2>What this rests on</h2>\n<ul>\n{lines}</ul>\n<p>Made by auditseal history. The page proves \
             nothing by itself: each entry names the chain, the seal and the line where it is sealed, and auditseal prove makes a proof of \
             it.</p>\n</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is filtered out stays so on paper, and there the filters aren't seen.
    #[test]
    fn a_part_says_on_paper_that_it_is_one() {
        let printed = STYLE.split("@media print").nth(1).unwrap();
        assert!(printed.contains("form,p.whole{display:none}") && !printed.contains("p.part"));
        assert!(SCRIPT.contains("place.append(form, shown)"));
    }

    /// The policy names the style and the script that are there, and nothing in them ends their element.
    #[test]
    fn nothing_else_than_its_own_style_and_script_runs() {
        let mut page = LifePage::new(Vec::new());
        page.last = None;
        let text = format!(
            "{}{}",
            page.begin("<script>x</script>", "\"'&"),
            page.end(&["<b>".to_owned()])
        );
        let between =
            |start: &str, end: &str| text.split(start).nth(1).unwrap().split(end).next().unwrap();
        for (part, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            assert!(text.contains(&hashed(between(part, end))));
            assert_eq!(text.matches(part).count(), 1);
        }
        assert!(
            text.contains("<title>&lt;script&gt;x&lt;/script&gt;</title>")
                && text.contains("<li>&lt;b&gt;</li>")
        );
        for loads in ["src=", "href=", "url(", "@import", "style=", "onclick"] {
            assert!(!text.contains(loads), "{loads}");
        }
    }
}
