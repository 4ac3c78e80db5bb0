//! The page in docs/ that says which server passed which conformance case.

use std::collections::BTreeMap;

/// The servers' columns, in their order: the name of a file of lines, and what it is.
const SERVERS: [(&str, &str, &str); 9] = [
    ("standin-aws", "stand-in: AWS", "crates/standin, in AWS's manners"),
    ("standin-minio", "stand-in: MinIO", "crates/standin, in MinIO's manners"),
    ("standin-google", "stand-in: Google", "crates/standin, in Google's manners"),
    (
        "standin-azure",
        "stand-in: Azure",
        "crates/standin, in Azure's manners, with version-level immutability",
    ),
    ("s3", "SeaweedFS", "SeaweedFS, Object Lock on, COMPLIANCE for a day by default"),
    ("minio", "MinIO", "MinIO, Object Lock on, COMPLIANCE for a day by default"),
    ("azure", "Azurite", "Azurite, which keeps neither versions nor locks"),
    ("gcs", "fake-gcs-server", "fake-gcs-server behind crates/e2e/helpers/gcs_xml.py"),
    ("file", "directory", "a directory"),
];

const INTRODUCTION: &str = "# Which store does what

What every store must do for auditseal is written as conformance cases (`crates/doubles/src/conformance`). They run on real servers, and on the stand-in that the tests use where there is no server: where the two differ, the stand-in is wrong. No column is one of the clouds themselves; nothing here was run against them.

This page is made by `crates/e2e/conformance.sh` from what the cases came to, and that script fails when it differs from what is found. To write it again: `AUDITSEAL_PAGE=write crates/e2e/conformance.sh`.

`yes`: passed. `–`: the store can't be held to it; why is below. `NO`: failed.
";

/// A line of a report: the case, how it ended, and words.
fn read(lines: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    lines.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        Some((parts.next()?, parts.next()?, parts.next()?))
    })
}

fn cell(outcome: &str) -> &'static str {
    match outcome {
        "passed" => "yes",
        "can't" => "–",
        _ => "NO",
    }
}

/// The cells of a server's column: each case with its mark.
#[must_use]
pub fn cells(lines: &str) -> Vec<(String, String)> {
    read(lines).map(|(case, outcome, _)| (case.to_owned(), cell(outcome).to_owned())).collect()
}

/// What is said of a server below the table.
#[must_use]
pub fn section(name: &str, lines: &str) -> String {
    let about = SERVERS.iter().find(|(known, _, _)| *known == name);
    let (title, about) = about.map_or((name, ""), |(_, title, about)| (title, about));
    let mut text = format!("## {title}\n\n{about}.\n");
    let said = read(lines).filter(|(_, _, words)| !words.is_empty());
    let said: String = said
        .map(|(case, outcome, words)| match outcome {
            "passed" => format!("* {case}: {words}\n"),
            _ => format!("* {case}: {outcome}: {words}\n"),
        })
        .collect();
    if !said.is_empty() {
        text = format!("{text}\n{said}");
    }
    text
}

/// The cells of a server's column in a page; none when it has no such column.
#[must_use]
pub fn column(page: &str, name: &str) -> Option<Vec<(String, String)>> {
    let title = SERVERS.iter().find(|(known, _, _)| *known == name)?.1;
    let mut rows = page.lines().filter(|line| line.starts_with("| ")).map(|line| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let at = rows.next()?.iter().position(|head| head == title)?;
    Some(rows.filter_map(|row| Some((row.first()?.clone(), row.get(at)?.clone()))).collect())
}

/// The page, of the lines of each server by its name.
///
/// # Errors
/// When a server's lines are missing, or its cases aren't the first one's.
pub fn page(lines: &BTreeMap<String, String>) -> Result<String, String> {
    let mut columns = Vec::new();
    let mut sections = String::new();
    for (name, title, _) in SERVERS {
        let lines = lines.get(name).ok_or(format!("there are no lines of {name}"))?;
        columns.push((name, title, cells(lines)));
        sections += &format!("\n{}", section(name, lines));
    }
    let cases: Vec<&String> =
        columns.iter().take(1).flat_map(|(_, _, c)| c).map(|(case, _)| case).collect();
    let mut table = String::from("| case |");
    columns.iter().for_each(|(_, title, _)| table += &format!(" {title} |"));
    table += "\n|---|";
    columns.iter().for_each(|_| table += "---|");
    for (at, case) in cases.into_iter().enumerate() {
        table += &format!("\n| {case} |");
        for (name, _, cells) in &columns {
            let found = cells.get(at).filter(|(known, _)| known == case);
            let (_, mark) = found.ok_or(format!("{name} has no outcome for {case:?}"))?;
            table += &format!(" {mark} |");
        }
    }
    Ok(format!("{INTRODUCTION}\n{table}\n{sections}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_back_what_it_was_made_of() {
        let lines = "one\tpassed\t\ntwo\tcan't\tno versions\nthree\tpassed\tin its way\n";
        let all: BTreeMap<_, _> =
            SERVERS.iter().map(|(name, _, _)| ((*name).to_owned(), lines.to_owned())).collect();
        let made = page(&all).unwrap();
        for (name, _, _) in SERVERS {
            assert_eq!(column(&made, name).unwrap(), cells(lines));
            assert!(made.contains(&section(name, lines)));
        }
        assert!(made.contains("* two: can't: no versions\n* three: in its way\n"), "{made}");
        assert_eq!(column(&made, "nobody"), None);
        let mut short = all.clone();
        short.insert("gcs".to_owned(), "one\tpassed\t\n".to_owned());
        assert!(page(&short).unwrap_err().contains("gcs has no outcome for \"two\""));
        short.remove("gcs");
        assert!(page(&short).unwrap_err().contains("no lines of gcs"));
    }
}
