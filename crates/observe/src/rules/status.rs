//! The terminal's view of what `/metrics` and `/readyz` say.

use std::collections::BTreeMap;

use super::health::LOOK_LIMIT;
use super::reply::NOTE;
use super::samples::read;

const PREFIX: &str = "auditseal_";

/// What one agent says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Whether nothing stands against it.
    pub ready: bool,
    /// What does.
    pub reasons: Vec<String>,
    /// What is to be known all the same.
    pub notes: Vec<String>,
    /// The program's version.
    pub version: String,
    /// The public key by which its chains are verified.
    pub vkey: String,
    /// What the kernel says of the process, by metric.
    pub process: BTreeMap<String, f64>,
    /// Values of metrics that belong to no source, without the prefix `auditseal_`.
    pub program: BTreeMap<String, f64>,
    /// Its sources.
    pub sources: Vec<Source>,
}

/// What it says of one source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// The chain's name.
    pub origin: String,
    /// Values by metric, without the prefix `auditseal_`.
    pub values: BTreeMap<String, f64>,
    /// Values of metrics that have one more label, by that.
    pub kinds: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Status {
    /// Reads both pages. `None` when the first isn't one of ours.
    #[must_use]
    pub fn read(metrics: &str, ready: bool, readyz: &str) -> Option<Self> {
        let (mut reasons, mut notes) = (Vec::new(), Vec::new());
        for line in readyz.lines().skip(1) {
            match line.strip_prefix(NOTE) {
                Some(note) => notes.push(note.to_owned()),
                None if ready => {}
                None => reasons.push(line.to_owned()),
            }
        }
        let mut status = Self { ready, reasons, notes, ..Self::default() };
        for sample in read(metrics) {
            let Some(name) = sample.name.strip_prefix(PREFIX) else {
                if sample.name.starts_with("process_") {
                    status.process.insert(sample.name, sample.value);
                }
                continue;
            };
            let label = |name| sample.label(name).unwrap_or_default().to_owned();
            match name {
                "build_info" => status.version = label("version"),
                "key_info" => status.vkey = label("vkey"),
                _ if sample.label("origin").is_none() => {
                    status.program.insert(name.to_owned(), sample.value);
                }
                _ => {
                    let source = status.source(&label("origin"));
                    match sample.labels.get(2) {
                        None => drop(source.values.insert(name.to_owned(), sample.value)),
                        Some((_, word)) => {
                            let kinds = source.kinds.entry(name.to_owned()).or_default();
                            kinds.insert(word.clone(), sample.value);
                        }
                    }
                }
            }
        }
        (!status.version.is_empty()).then_some(status)
    }

    fn source(&mut self, origin: &str) -> &mut Source {
        let at = self.sources.iter().position(|source| source.origin == origin);
        let at = at.unwrap_or_else(|| {
            self.sources.push(Source { origin: origin.to_owned(), ..Source::default() });
            self.sources.len() - 1
        });
        &mut self.sources[at]
    }

    /// For a terminal of 80 columns; `now` is Unix time in seconds.
    #[must_use]
    pub fn text(&self, now: f64) -> String {
        let mut out = format!("auditseal {}  {}", self.version, word(self.ready));
        if let Some(started) = self.process.get("process_start_time_seconds") {
            out.push_str(&format!("  up {}", duration(now - started)));
        }
        if let Some(bytes) = self.process.get("process_resident_memory_bytes") {
            out.push_str(&format!("  {} of memory", size(*bytes)));
        }
        out.push('\n');
        let reloads = self.program.get("reload_failures_total").copied().unwrap_or(0.0);
        if reloads > 0.0 {
            out.push_str(&format!(
                "  SIGHUP   failed {} times, the log says why\n",
                count(reloads)
            ));
        }
        for source in &self.sources {
            out.push('\n');
            source.text(now, &mut out);
        }
        if !self.ready {
            out.push_str("\nnot ready:\n");
            let reasons = self.reasons.iter().flat_map(|reason| wrap(reason));
            reasons.for_each(|line| out.push_str(&format!("  {line}\n")));
        }
        if !self.notes.is_empty() {
            out.push_str("\nto be known:\n");
            let notes = self.notes.iter().flat_map(|note| wrap(note));
            notes.for_each(|line| out.push_str(&format!("  {line}\n")));
        }
        out
    }
}

impl Source {
    fn value(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(0.0)
    }

    /// The sum over all values of the one more label.
    fn sum(&self, name: &str) -> f64 {
        // The sum of nothing is -0.
        self.kinds.get(name).into_iter().flat_map(BTreeMap::values).sum::<f64>() + 0.0
    }

    fn text(&self, now: f64, out: &mut String) {
        let ready = word(self.value("ready") == 1.0);
        let title = wrap(&self.origin).join("\n");
        let width = title.lines().last().map_or(0, |line| line.chars().count());
        let room = 80_usize.saturating_sub(width).max(10);
        out.push_str(&format!(
            "{title}{ready:>room$}
"
        ));
        let mut row = |name: &str, text: String| {
            out.push_str(&format!("  {name:<9}{text}\n"));
        };
        let ago = |name: &str| match self.values.get(name) {
            Some(time) => format!("{} ago", duration(now - time)),
            None => "never".to_owned(),
        };
        let lag = (self.value("lag_bytes"), self.value("lag_events"), self.value("lag_seconds"));
        row(
            "lag",
            match lag.0 > 0.0 {
                true => {
                    format!("{}, about {} events, {}", size(lag.0), count(lag.1), duration(lag.2))
                }
                false => "none".to_owned(),
            },
        );
        let loss = self.value("time_until_loss_seconds");
        if loss.is_finite() && lag.0 > 0.0 {
            row("loss in", duration(loss));
        }
        for (name, said) in [("source", self.unread()), ("files", self.beside())] {
            if !said.is_empty() {
                row(name, said.join(", "));
            }
        }
        row(
            "head",
            match self.values.get("head_seq") {
                Some(seq) => format!("seq {seq:.0}, {}", ago("head_timestamp_seconds")),
                None => "nothing sealed yet".to_owned(),
            },
        );
        let (events, bytes) = (self.value("sealed_events_total"), self.value("sealed_bytes_total"));
        row("sealed", format!("{} events, {}", count(events), size(bytes)));
        let failing = self.value("store_failing_seconds");
        let retries = self.sum("upload_retries_total");
        let lacking = self.value("lacking_objects");
        let health = if failing > 0.0 {
            format!("NOTHING ACCEPTED FOR {}", duration(failing))
        } else if lacking > 0.0 {
            format!("LACKS {} OBJECTS THAT IT HAD, nothing is sent", count(lacking))
        } else {
            "accepts".to_owned()
        };
        let last = ago("last_stored_timestamp_seconds");
        row("store", format!("{health}, last {last}, {} retries", count(retries)));
        let spool = (self.value("spool_bytes"), self.value("spool_limit_bytes"));
        row("spool", format!("{} of {}", size(spool.0), size(spool.1)));
        row("found", self.found());
        if let Some(counted) = self.values.get("source_events") {
            let unaccounted = count(self.value("source_events_unaccounted"));
            let errors = count(self.value("source_errors"));
            let counted = count(*counted);
            row(
                "counted",
                format!("{counted} by the apiserver, {errors} errors, {unaccounted} unaccounted"),
            );
        }
    }

    /// What keeps the source as a whole from being read.
    fn unread(&self) -> Vec<String> {
        let mut said = Vec::new();
        let absent = self.value("source_absent_seconds");
        if absent > 0.0 {
            said.push(format!("NOTHING AT ITS PATH FOR {}", duration(absent)));
        }
        // Looks come once a window, which is 5 s unless somebody says otherwise.
        let last = self.value("last_look_seconds");
        if last > LOOK_LIMIT {
            said.push(format!("last read {} ago", duration(last)));
        }
        said
    }

    /// Files that aren't open: some not yet, some not at all.
    fn beside(&self) -> Vec<String> {
        let (waiting, refused) =
            (self.value("source_waiting_files"), self.value("source_refused_files"));
        let kinds = [(waiting, "wait to be opened"), (refused, "not opened, the log says why")];
        let some = kinds.into_iter().filter(|(n, _)| *n > 0.0);
        some.map(|(n, text)| format!("{} {text}", count(n))).collect()
    }

    /// What somebody should look at.
    fn found(&self) -> String {
        let mut found = Vec::new();
        let gaps = self.sum("gaps_total");
        if gaps > 0.0 {
            found.push(format!("{} gaps", count(gaps)));
        }
        for (name, text) in [
            ("missing_objects_total", "objects MISSING"),
            ("lock_shortfalls_total", "locks fall short"),
            ("lock_unknown_total", "locks unknown"),
            ("squatted_keys_total", "keys squatted"),
            ("source_unreadable_files", "files unreadable"),
            ("spool_retries_total", "spool retries"),
        ] {
            let n = self.value(name);
            if n > 0.0 {
                found.push(format!("{} {text}", count(n)));
            }
        }
        if self.value("forked") == 1.0 {
            found.push("FORK".to_owned());
        }
        if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
    }
}

fn word(ready: bool) -> &'static str {
    if ready { "ready" } else { "NOT READY" }
}

/// Lines of at most 76 columns, broken anywhere: keys and origins have no spaces.
fn wrap(text: &str) -> Vec<String> {
    let chars: Vec<_> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    chars.chunks(76).map(|line| line.iter().collect()).collect()
}

/// The two largest units of a time.
fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    // Clocks differ: what was done "in two seconds" was done now.
    let seconds = seconds.max(0.0);
    let units = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0)];
    let Some(at) = units.iter().position(|(_, length)| seconds >= *length) else {
        return format!("{seconds:.0} s");
    };
    let (unit, length) = units[at];
    let (next, shorter) = units.get(at + 1).copied().unwrap_or(("s", 1.0));
    format!(
        "{:.0} {unit} {:.0} {next}",
        (seconds / length).floor(),
        (seconds % length / shorter).floor()
    )
}

fn size(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut shown = "B";
    for unit in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        shown = unit;
    }
    if shown == "B" { format!("{value:.0} B") } else { format!("{value:.1} {shown}") }
}

/// `1,234,567`.
fn count(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::exposition::{openmetrics, plain};
    use super::super::health::ready;
    use super::super::reply::respond;
    use super::super::snapshot::{Chain, Process, Snapshot, State};
    use super::*;

    fn snapshot() -> Snapshot {
        let chain = Chain {
            origin: "prod/cp-1/audit".to_owned(),
            source: "audit".to_owned(),
            state: State::Running,
            lag_bytes: 5 << 20,
            lag_events: 3456,
            lag: 95.0,
            until_loss: Some(7260.0),
            events: 1_234_567,
            bytes: 3 << 30,
            retries: [("denied", 12), ("timeout", 3)].into(),
            failing: Some((130.0, "denied".to_owned())),
            head: Some((42, 1000.0)),
            spool_bytes: 2048,
            spool_limit: 1 << 30,
            gaps: [("truncated", 2), ("unseen", 1), ("budget", 0)].into(),
            last_look: Some(3700.0),
            waiting: 1234,
            refused: 2,
            ..Chain::default()
        };
        let process = Process { resident_bytes: 9 << 20, started: 500.0, ..Process::default() };
        Snapshot {
            version: "0.1.0".to_owned(),
            process: Some(process),
            chains: vec![
                chain,
                Chain { origin: "prod/cp-1/".to_owned() + &"x".repeat(99), ..Chain::default() },
            ],
            reload_failures: 2,
            ..Snapshot::default()
        }
    }

    #[test]
    fn both_forms_of_the_page_are_shown_alike_in_80_columns() {
        let snapshot = snapshot();
        let readyz = respond("GET", "/readyz", "", &snapshot).body;
        let shown = [openmetrics(&snapshot), plain(&snapshot)].map(|page| {
            let status = Status::read(&page, ready(&snapshot).is_fine(), &readyz);
            let status = status.expect("it is ours");
            // What belongs to no source makes none.
            assert_eq!(status.sources.len(), snapshot.chains.len());
            status.text(1100.0)
        });
        assert_eq!(shown[0], shown[1]);
        let text = &shown[0];
        for line in [
            "auditseal 0.1.0  NOT READY  up 10 min 0 s  9.0 MiB of memory",
            "  SIGHUP   failed 2 times, the log says why",
            "  lag      5.0 MiB, about 3,456 events, 1 min 35 s",
            "  loss in  2 h 1 min",
            "  head     seq 42, 1 min 40 s ago",
            "  sealed   1,234,567 events, 3.0 GiB",
            "  store    NOTHING ACCEPTED FOR 2 min 10 s, last never, 15 retries",
            "  spool    2.0 KiB of 1.0 GiB",
            "  source   last read 1 h 1 min ago",
            "  files    1,234 wait to be opened, 2 not opened, the log says why",
            "  found    3 gaps",
            "  prod/cp-1/audit: the store has accepted nothing for 130 s (denied)",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_source_that_is_not_there_is_shown() {
        let chain = Chain { absent: Some(90.0), ..Chain::default() };
        let page = openmetrics(&Snapshot {
            version: "0.1.0".to_owned(),
            chains: vec![chain, Chain { origin: "fine".to_owned(), ..Chain::default() }],
            ..Snapshot::default()
        });
        let text = Status::read(&page, true, "").expect("it is ours").text(0.0);
        assert!(!text.contains("SIGHUP"), "{text}");
        assert!(text.contains("\n  source   NOTHING AT ITS PATH FOR 1 min 30 s\n"), "{text}");
        assert_eq!(
            text.matches("\n  source ").count(),
            1,
            "nothing is said of a source that is fine"
        );
    }

    /// An unmounted disk is no loss; what was gone on without is one, and keeps nothing from being ready.
    #[test]
    fn what_the_store_lacks_is_told_from_what_is_lost() {
        let of = |chain: Chain| {
            let chain = Chain { state: State::Running, origin: "c/n/s".to_owned(), ..chain };
            let snapshot = Snapshot {
                version: "0.1.0".to_owned(),
                chains: vec![chain],
                ..Snapshot::default()
            };
            let readyz = respond("GET", "/readyz", "", &snapshot);
            let page = openmetrics(&snapshot);
            let status = Status::read(&page, readyz.status == 200, &readyz.body);
            (readyz.status, status.expect("it is ours"))
        };
        let which = || (12, "seq 0 to 11".to_owned());
        let (code, lacks) = of(Chain { lacking: Some(which()), ..Chain::default() });
        assert_eq!((code, lacks.notes.len()), (503, 0));
        let text = lacks.text(0.0);
        assert!(
            text.contains("  store    LACKS 12 OBJECTS THAT IT HAD, nothing is sent, "),
            "{text}"
        );
        assert!(text.contains("  found    nothing\n"), "{text}");
        assert!(text.contains("the store lacks seq 0 to 11 (12 objects)"), "{text}");
        let (code, without) = of(Chain { without: vec![which()], ..Chain::default() });
        assert_eq!((code, without.reasons.len()), (200, 0));
        let said = "c/n/s: the store lacks seq 0 to 11 (12 objects), gone on without as told";
        assert_eq!(without.notes, [said]);
        let text = without.text(0.0);
        assert!(text.contains("  store    accepts, "), "{text}");
        assert!(text.contains("  found    12 objects MISSING\n"), "{text}");
        assert!(text.contains(&format!("\nto be known:\n  {said}\n")), "{text}");
        let both = Chain { without: vec![which()], unreadable: 2, ..Chain::default() };
        let (code, both) = of(both);
        assert_eq!((code, both.reasons.len(), both.notes.len()), (503, 1, 1));
    }

    #[test]
    fn another_servers_page_is_none_of_ours() {
        assert_eq!(Status::read("<html>", true, ""), None);
        assert_eq!(Status::read("go_goroutines 5\n", true, "ok"), None);
    }
}
