//! What the documentation says of the program, held against the parser itself: each command line
//! that a page or `--help` shows is understood, each flag and variable that it names exists, and
//! each link leads somewhere.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::args::Cli;

/// Flags of other programs that pages name without saying whose they are.
const THEIRS: [(&str, &str); 6] = [
    ("audit-log-", "kube-apiserver"),
    ("audit-policy-file", "kube-apiserver"),
    ("service-account-issuer", "kube-apiserver"),
    ("create-bucket-configuration", "aws"),
    ("default-encryption-key", "gcloud"),
    ("purge", "dpkg"),
];

/// Variables that our scripts and tests read, not the program.
const SCRIPTS: [&str; 1] = ["AUDITSEAL_PAGE"];

/// Flags that the chart makes from values of its own, or that mean nothing in a pod: its variables
/// come from a Secret, and another Secret means another pod.
const CHART: [&str; 12] = [
    "ca-certificate",
    "cluster",
    "endpoint",
    "environment",
    "key",
    "listen",
    "node",
    "region",
    "source",
    "state",
    "stay-on-fork",
    "store",
];

/// Roles on Azure whose names look like commands: `auditseal writer`.
const ROLES: [&str; 2] = ["writer", "auditor"];

/// What stands for a value on a page, where the parser wants to see one.
fn filled(word: &str) -> String {
    word.replace("SEQ:HASH", &format!("7:{}", "0".repeat(64)))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The pages for people, by their path below the root.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("docs"), root().join("deploy")];
    let single = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "testdata/README.md"];
    let mut files: Vec<_> = single.iter().map(|name| root().join(name)).collect();
    files.push(root().join("crates/format/FORMAT.md"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let fetched = path.file_name().is_some_and(|name| name == "node_modules");
            if path.is_dir() && !path.is_symlink() && !fetched {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                files.push(path);
            }
        }
    }
    for path in files {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        found.insert(name, fs::read_to_string(path).unwrap());
    }
    found
}

/// What of a page can be checked.
#[derive(Default)]
struct Page {
    /// Blocks of code, indented or fenced; but not `text`, which shows output.
    blocks: Vec<String>,
    /// Code inside a sentence.
    spans: Vec<String>,
    links: Vec<String>,
    /// All that a reader sees.
    seen: String,
    /// Its headings, as links name them.
    anchors: BTreeSet<String>,
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let (mut block, mut heading, mut output) = (None::<String>, None::<String>, false);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                output = matches!(kind, CodeBlockKind::Fenced(language) if &*language == "text");
                block = Some(String::new());
            }
            Event::End(TagEnd::CodeBlock) => {
                page.blocks.extend(block.take().filter(|_| !output));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => page.anchors.extend(heading.take().map(anchor)),
            Event::Start(Tag::Link { dest_url, .. }) => page.links.push(dest_url.into_string()),
            Event::Text(text) => {
                page.seen.push_str(&text);
                for open in [&mut block, &mut heading].into_iter().flatten() {
                    open.push_str(&text);
                }
            }
            Event::Code(code) => {
                page.seen.extend([" ", &code, " "]);
                if let Some(open) = &mut heading {
                    open.push_str(&code);
                }
                page.spans.push(code.into_string());
            }
            _ => {}
        }
    }
    page
}

/// A heading as a link names it: letters, digits, `-` and `_` are kept, a space becomes `-`.
fn anchor(heading: String) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The words of each command line of ours in a piece of shell, as the shell would cut them.
fn commands(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    joined.lines().flat_map(parts).filter_map(ours).collect()
}

/// The simple commands of a line, as words: what pipes, `;` and `&&` join, without redirections.
fn parts(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ").trim_start_matches("# ");
    let Some(words) = shlex::split(line) else {
        assert!(!line.starts_with("auditseal "), "no shell can cut this into words: {line}");
        return Vec::new();
    };
    let mut parts = vec![Vec::new()];
    let mut skip = false;
    for word in words {
        let aside = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let redirects = aside.starts_with(['<', '>']) && !aside.contains(' ');
        match word.as_str() {
            "|" | "||" | "&&" | ";" => parts.push(Vec::new()),
            "&" | "do" | "then" | "else" | "if" | "!" | "sudo" | "time" => {}
            _ if skip => skip = false,
            _ if redirects => skip = aside.trim_start_matches(['<', '>', '&']).is_empty(),
            _ => parts.last_mut().unwrap().push(word),
        }
    }
    parts
}

/// The arguments, if that is a command line of ours; variables set before it are left out.
fn ours(words: Vec<String>) -> Option<Vec<String>> {
    let set = |word: &String| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let mut rest = words.into_iter().skip_while(set);
    let program = rest.next()?;
    let ours = program == "auditseal" || program.ends_with("/auditseal");
    ours.then(|| rest.map(|word| filled(word.trim_end_matches(';'))).collect())
}

/// Why the parser refuses these arguments. A lone `…` stands for arguments left out.
fn refusal(args: &[String]) -> Option<String> {
    let open = args.iter().any(|arg| arg == "…");
    let said = args.iter().filter(|arg| *arg != "…");
    let line = std::iter::once("auditseal".to_owned()).chain(said.cloned());
    let error = Cli::grammar().try_get_matches_from(line).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::MissingRequiredArgument if open => None,
        _ => Some(error.to_string()),
    }
}

/// Each command's flags; under the empty name those of all.
fn flags() -> BTreeMap<String, BTreeSet<String>> {
    let mut grammar = Cli::grammar();
    grammar.build();
    let longs = |command: &clap::Command| -> BTreeSet<String> {
        let named = command.get_arguments().filter_map(clap::Arg::get_long_and_visible_aliases);
        named.flatten().map(str::to_owned).collect()
    };
    let with_below = |command: &clap::Command| {
        let below = command.get_subcommands().flat_map(longs);
        longs(command).into_iter().chain(below).collect::<BTreeSet<_>>()
    };
    let mut flags: BTreeMap<_, _> = grammar
        .get_subcommands()
        .map(|command| (command.get_name().to_owned(), with_below(command)))
        .collect();
    let all = flags.values().flatten().cloned().chain(longs(&grammar)).collect();
    flags.insert(String::new(), all);
    flags
}

/// The variables that flags can be said by.
fn variables() -> BTreeSet<String> {
    let mut grammar = Cli::grammar();
    grammar.build();
    let below = grammar.get_subcommands().flat_map(clap::Command::get_subcommands);
    let named = grammar.get_subcommands().chain(below).flat_map(clap::Command::get_arguments);
    let names = named.filter_map(clap::Arg::get_env).map(|name| name.to_str().unwrap().to_owned());
    names.collect()
}

/// Names of flags in a piece of text, without the dashes.
fn named_flags(text: &str) -> Vec<&str> {
    let begins = text.match_indices("--").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '`' | '\'' | '"'))
    });
    let names = begins.map(|(at, _)| {
        let rest = &text[at + 2..];
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())]
    });
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

#[test]
fn every_command_shown_is_understood() {
    let mut shown = 0;
    let mut wrong = Vec::new();
    for (name, text) in pages() {
        let page = read(&text);
        // In a sentence, a command line may leave out what isn't spoken of.
        let shortened = |mut args: Vec<String>| {
            let first = args.first()?;
            let command = first.starts_with(|c: char| c.is_ascii_lowercase() || c == '-');
            let ours = command && !ROLES.contains(&first.as_str());
            args.push("…".to_owned());
            ours.then_some(args)
        };
        let spans = page.spans.iter().filter(|span| !span.contains('…'));
        let spans = spans.flat_map(|span| commands(span)).filter_map(shortened);
        let blocks = page.blocks.iter().flat_map(|block| commands(block));
        for args in blocks.chain(spans) {
            shown += 1;
            wrong.extend(refusal(&args).map(|why| format!("{name}: {args:?}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 50, "{shown} command lines");
}

#[test]
fn every_example_of_help_is_understood() {
    let grammar = Cli::grammar();
    let of = |command: &clap::Command| {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        commands(&after.replace("  auditseal", "auditseal"))
    };
    let mut examples = of(&grammar);
    let below = grammar.get_subcommands().flat_map(clap::Command::get_subcommands);
    for command in grammar.get_subcommands().chain(below) {
        let own = of(command);
        assert!(
            !own.is_empty() || command.get_name() == "help",
            "{}: no example",
            command.get_name()
        );
        examples.extend(own);
    }
    for args in examples {
        assert_eq!(refusal(&args), None, "{args:?}");
    }
}

#[test]
fn every_flag_named_exists() {
    let flags = flags();
    let (mut named, mut wrong, mut used) = (0, Vec::new(), BTreeSet::new());
    for (name, text) in pages() {
        for span in read(&text).spans {
            let first = span.trim_start_matches("auditseal ").split(' ').next().unwrap();
            let whose = if first.starts_with("--") { "" } else { first };
            // Another program's command line, or no command line at all.
            let Some(known) = flags.get(whose) else { continue };
            for flag in named_flags(&span) {
                named += 1;
                let theirs = THEIRS.iter().find(|(start, _)| flag.starts_with(start));
                if let (false, Some((start, _))) = (known.contains(flag), theirs) {
                    used.insert(*start);
                } else if !known.contains(flag) && flag != "help" && flag != "version" {
                    wrong.push(format!("{name}: `{span}`: there is no --{flag}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named > 100, "{named} flags");
    let unused: Vec<_> = THEIRS.iter().filter(|(start, _)| !used.contains(start)).collect();
    assert!(unused.is_empty(), "no page names these any more: {unused:?}");
}

#[test]
fn every_variable_named_exists() {
    let known = variables();
    let mut texts: BTreeMap<_, _> =
        pages().into_iter().map(|(name, text)| (name, read(&text).seen)).collect();
    for file in ["deploy/systemd/auditseal.default", "deploy/systemd/auditseal.service"] {
        texts.insert(file.to_owned(), fs::read_to_string(root().join(file)).unwrap());
    }
    let mut named = 0;
    for (page, text) in texts {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.len() > 10 && word.starts_with("AUDITSEAL_")) {
            let exists = known.contains(word) || SCRIPTS.contains(&word);
            assert!(exists, "{page} names {word}");
            named += 1;
        }
    }
    assert!(named > 15, "{named} variables");
}

/// A flag as the chart's values may spell it too: `spoolLimit`.
fn camel(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

#[test]
fn the_chart_takes_every_setting_and_no_other() {
    let schema = root().join("deploy/helm/auditseal/values.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let flags = flags();
    for (command, part) in [("run", "settings"), ("backfill", "backfillSettings")] {
        let settings = schema["definitions"][part]["properties"].as_object().unwrap();
        let taken: BTreeSet<_> = settings.keys().cloned().collect();
        let ours = flags[command].iter().filter(|flag| !CHART.contains(&flag.as_str()));
        let ours = ours.filter(|flag| *flag != "help");
        let both = ours.flat_map(|flag| [flag.clone(), camel(flag)]).collect();
        assert_eq!(taken, both, "values.schema.json, {part}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let texts = pages();
    let (mut followed, mut wrong) = (0, Vec::new());
    for (name, text) in &texts {
        let here = root().join(name);
        for link in read(text).links.iter().filter(|link| !link.contains("://")) {
            followed += 1;
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { here.clone() } else { here.with_file_name(file) };
            let known = || read(&fs::read_to_string(&to).unwrap()).anchors.contains(part);
            if !to.exists() || (!part.is_empty() && !known()) {
                wrong.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "lead nowhere: {wrong:#?}");
    assert!(followed > 60, "{followed} links");
}

#[test]
fn the_index_has_every_page() {
    let texts = pages();
    let index = read(&texts["docs/README.md"]).links;
    for page in texts.keys().filter_map(|name| name.strip_prefix("docs/")) {
        let listed = index.iter().any(|link| link == page);
        assert!(page == "README.md" || listed, "docs/README.md doesn't list {page}");
    }
}

#[test]
fn the_readme_names_every_command() {
    let readme = &pages()["README.md"];
    for command in Cli::grammar().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(readme.contains(&format!("`{name}")), "README.md doesn't name {name}");
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let page = read(
        "Run `verify --no-such`, see [x](gone.md#Y).\n\n    $ A=1 auditseal cat --origin x | auditseal bogus > f\n\n## `--a` b, C!\n",
    );
    assert_eq!(page.spans, ["verify --no-such", "--a"]);
    assert_eq!(page.links, ["gone.md#Y"]);
    assert!(page.anchors.contains("--a-b-c"), "{:?}", page.anchors);
    let lines = commands(&page.blocks[0]);
    assert_eq!(lines, [vec!["cat", "--origin", "x"], vec!["bogus"]]);
    assert!(lines.iter().all(|args| refusal(args).is_some()));
    let good = commands("auditseal keygen --name c/n --out \\\n  key 2>/dev/null # a remark\n");
    assert_eq!(refusal(&good[0]), None, "{good:?}");
    assert_eq!(named_flags("--a-b (--c1) x--d '--e' ---"), ["a-b", "c1", "e"]);
}
