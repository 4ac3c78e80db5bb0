//! Reads an exposition: of the apiserver, which is large, and our own.

/// Longest line of a stranger's page that is read, bytes. Longer ones of other metrics are passed
/// over; one of a wanted metric makes the page unreadable.
const MAX_LINE: usize = 4096;
/// Samples of the wanted metrics kept at most: what is wanted of an apiserver is three. With more,
/// the page is unreadable: a sum of some of them would be a wrong number.
const MAX_SAMPLES: usize = 4096;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name, as it stands on the line.
    pub name: String,
    /// Its labels in order.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// A label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Takes an exposition piece by piece and keeps the samples of the wanted metrics: an apiserver's
/// can have tens of megabytes.
#[derive(Debug)]
pub struct Reader {
    wanted: &'static [&'static str],
    line: Vec<u8>,
    /// The line is too long: its rest is passed over.
    skipping: bool,
    samples: Vec<Sample>,
    /// Longest line and most samples.
    room: (usize, usize),
    /// Why what was found isn't all that is wanted.
    partial: Option<&'static str>,
}

impl Reader {
    /// Keeps the metrics of these names; all of them if there is no name.
    #[must_use]
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Self::within(wanted, (MAX_LINE, MAX_SAMPLES))
    }

    fn within(wanted: &'static [&'static str], room: (usize, usize)) -> Self {
        let (line, samples) = (Vec::new(), Vec::new());
        Self { wanted, line, skipping: false, samples, room, partial: None }
    }

    /// Takes the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while let Some(at) = piece.iter().position(|byte| *byte == b'\n') {
            self.extend(&piece[..at]);
            self.end_line();
            piece = &piece[at + 1..];
        }
        self.extend(piece);
    }

    /// What was found.
    ///
    /// # Errors
    /// There are more samples of the wanted metrics, or longer ones, than are kept.
    pub fn finish(mut self) -> Result<Vec<Sample>, &'static str> {
        self.end_line();
        self.partial.map_or(Ok(self.samples), Err)
    }

    fn extend(&mut self, bytes: &[u8]) {
        // The beginning of a line that is too long stays: it says whose line it is.
        let room = self.room.0.saturating_sub(self.line.len());
        self.skipping |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        let skipped = std::mem::take(&mut self.skipping);
        let line = std::mem::take(&mut self.line);
        let begins = |name: &&str| {
            let rest = line.strip_prefix(name.as_bytes());
            // Another metric may have this one's name as its beginning.
            rest.is_some_and(|rest| rest.first().is_some_and(|next| b" {".contains(next)))
        };
        if !self.wanted.is_empty() && !self.wanted.iter().any(begins) {
            return;
        }
        if skipped {
            self.partial = Some("a sample is longer than any of an apiserver's");
        } else if let Some(sample) = std::str::from_utf8(&line).ok().and_then(sample) {
            if self.samples.len() < self.room.1 {
                self.samples.push(sample);
            } else {
                self.partial = Some("there are more samples than any apiserver has");
            }
        }
    }
}

/// All samples of a text, which is in memory already: however many there are. Lines that are none
/// are passed over.
#[must_use]
pub fn read(text: &str) -> Vec<Sample> {
    let mut reader = Reader::within(&[], (usize::MAX, usize::MAX));
    reader.feed(text.as_bytes());
    reader.finish().unwrap_or_default()
}

/// `name{label="value",…} value [timestamp] [# exemplar]`.
fn sample(line: &str) -> Option<Sample> {
    let line = line.trim_end_matches('\r');
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((label.trim().to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_and_the_rest_is_passed_over() {
        let text = "# HELP a A.\n# TYPE a counter\na_total{x=\"1\",y=\"a \\\"b\\\", {c}\"} 3 17\r\n\
                    b 1.5e3 # {t=\"1\"} 1\nc{} +Inf\nd{ 1\ne{x=\"1} 1\n\nf x\n# EOF\n";
        let found = read(text);
        let names: Vec<_> = found.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, ["a_total", "b", "c"]);
        assert_eq!(found[0].label("y"), Some("a \"b\", {c}"));
        assert_eq!((found[0].value, found[1].value), (3.0, 1500.0));
        assert!(found[2].value.is_infinite());
    }

    fn found(wanted: &'static [&'static str], text: &str) -> Result<Vec<f64>, &'static str> {
        let mut reader = Reader::new(wanted);
        for piece in text.as_bytes().chunks(7) {
            reader.feed(piece);
        }
        Ok(reader.finish()?.into_iter().map(|sample| sample.value).collect())
    }

    #[test]
    fn only_the_wanted_names_are_kept() {
        let text = "ab 1\nabc 2\na 3\nab{p=\"log\"} 4";
        assert_eq!(found(&["ab"], text), Ok(vec![1.0, 4.0]));
    }

    /// The lines of other metrics, as long and as many as they like, change nothing.
    #[test]
    fn a_line_longer_than_is_read_is_only_missed_if_it_is_wanted() {
        for length in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 10 * MAX_LINE] {
            let line =
                |name: &str| format!("{name}{{x=\"{}\"}} 1", "y".repeat(length - name.len() - 8));
            assert_eq!(line("abc").len(), length);
            assert_eq!(found(&["ab"], &format!("{}\nab 2\n", line("abc"))), Ok(vec![2.0]));
            let wanted = found(&["ab"], &format!("{}\nab 2\n", line("ab")));
            assert_eq!(wanted.is_ok(), length <= MAX_LINE, "{length}: {wanted:?}");
            assert_eq!(read(&line("ab")).len(), 1, "our own page is read whole");
        }
    }

    #[test]
    fn more_samples_than_are_kept_are_no_number_instead_of_a_wrong_one() {
        for count in [MAX_SAMPLES - 1, MAX_SAMPLES, MAX_SAMPLES + 1, 10 * MAX_SAMPLES] {
            let other = "abc 1\n".repeat(count);
            assert_eq!(found(&["ab"], &format!("{other}ab 2\n")), Ok(vec![2.0]), "{count} others");
            let wanted = "ab 1\n".repeat(count);
            let kept = found(&["ab"], &wanted).map(|kept| kept.len());
            assert_eq!(kept.ok(), (count <= MAX_SAMPLES).then_some(count), "{count} samples");
            assert_eq!(read(&wanted).len(), count, "our own page is read whole");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_read_alike(
            bytes in prop::collection::vec(prop::sample::select(b"a{}=\",\\\n 1.#\xff".to_vec()), 0..200),
            size in 1usize..20,
        ) {
            let whole = { let mut all = Reader::new(&[]); all.feed(&bytes); all.finish() };
            let mut pieces = Reader::new(&[]);
            bytes.chunks(size).for_each(|piece| pieces.feed(piece));
            prop_assert_eq!(format!("{whole:?}"), format!("{:?}", pieces.finish()));
        }
    }
}
