//! Reads an exposition: of the apiserver, which is large, and our own.

/// Longest line that is read, bytes; longer ones are passed over.
const MAX_LINE: usize = 4096;
/// Samples kept at most: what is wanted of an apiserver is three.
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
}

impl Reader {
    /// Keeps the metrics of these names; all of them if there is no name.
    #[must_use]
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Self { wanted, line: Vec::new(), skipping: false, samples: Vec::new() }
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
    #[must_use]
    pub fn finish(mut self) -> Vec<Sample> {
        self.end_line();
        self.samples
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.skipping |= self.line.len() + bytes.len() > MAX_LINE;
        if !self.skipping {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        let skipped = std::mem::take(&mut self.skipping);
        let line = std::mem::take(&mut self.line);
        let wanted = self.wanted.is_empty()
            || self.wanted.iter().any(|name| line.starts_with(name.as_bytes()));
        if skipped || !wanted || self.samples.len() >= MAX_SAMPLES {
            return;
        }
        let sample = std::str::from_utf8(&line).ok().and_then(sample);
        let exact =
            |sample: &Sample| self.wanted.is_empty() || self.wanted.contains(&sample.name.as_str());
        self.samples.extend(sample.filter(exact));
    }
}

/// All samples of a text; lines that are none are passed over.
#[must_use]
pub fn read(text: &str) -> Vec<Sample> {
    let mut reader = Reader::new(&[]);
    reader.feed(text.as_bytes());
    reader.finish()
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

    #[test]
    fn only_the_wanted_names_are_kept_and_long_lines_are_not() {
        let mut reader = Reader::new(&["ab"]);
        let long = format!("ab{{x=\"{}\"}} 1\n", "y".repeat(MAX_LINE));
        let text = format!("{long}ab 1\nabc 2\na 3\nab{{p=\"log\"}} 4");
        for piece in text.as_bytes().chunks(7) {
            reader.feed(piece);
        }
        let values: Vec<_> = reader.finish().into_iter().map(|sample| sample.value).collect();
        assert_eq!(values, [1.0, 4.0]);
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
