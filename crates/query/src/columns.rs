//! Rows put below each other, as they come: nobody knows yet how wide the later ones are.

use std::borrow::Cow;

/// What stands in each column.
const HEADS: [&str; 7] = ["TIME", "VERB", "CODE", "FROM", "USER", "OBJECT", "SEALED"];
/// How wide each is at first, in characters; what is behind the last needs no width.
const NARROWEST: [usize; 6] = [24, 6, 4, 15, 20, 30];
/// The widest that a column gets: what is longer pushes the rest of its own row alone.
const WIDEST_COLUMN: usize = 56;

/// The same of flows.
const FLOW_HEADS: [&str; 7] = ["TIME", "VERDICT", "FROM", "TO", "PORT", "POLICIES", "SEALED"];
const FLOW_NARROWEST: [usize; 6] = [24, 15, 24, 24, 8, 8];

/// The columns of [`Show::Table`](crate::Show::Table): each is as wide as the widest value so far.
#[derive(Debug, Clone)]
pub struct Columns {
    heads: [&'static str; 7],
    widths: [usize; 6],
}

impl Default for Columns {
    fn default() -> Self {
        Self { heads: HEADS, widths: NARROWEST }
    }
}

impl Columns {
    /// Those of [`FlowShow::Table`](crate::FlowShow::Table).
    #[must_use]
    pub fn of_flows() -> Self {
        Self { heads: FLOW_HEADS, widths: FLOW_NARROWEST }
    }

    /// The line above the first row.
    #[must_use]
    pub fn head(&self) -> String {
        self.line(self.heads.iter().map(|head| Cow::Borrowed(*head)))
    }

    /// A hit's row, as people read it, of its cells with tabs between.
    pub fn row(&mut self, cells: &[u8]) -> String {
        let cells = String::from_utf8_lossy(cells);
        let cells: Vec<&str> = cells.trim_end_matches('\n').split('\t').collect();
        let columns = cells.len().saturating_sub(1);
        for (width, cell) in self.widths.iter_mut().zip(&cells[..columns]) {
            *width = cell.chars().count().min(WIDEST_COLUMN).max(*width);
        }
        self.line(cells.into_iter().map(Cow::Borrowed))
    }

    /// Cells and two spaces between; the last one is as long as it is.
    fn line<'a>(&self, cells: impl ExactSizeIterator<Item = Cow<'a, str>>) -> String {
        let (mut line, last) = (String::new(), cells.len().saturating_sub(1));
        for (at, cell) in cells.enumerate() {
            line.push_str(&cell);
            if at < last {
                let width = self.widths.get(at).copied().unwrap_or_default();
                let lacks = width.saturating_sub(cell.chars().count());
                line.extend(std::iter::repeat_n(' ', lacks + 2));
            }
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_at(line: &str) -> usize {
        line.chars().count()
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_value_so_far() {
        let mut columns = Columns::default();
        let narrow = columns.row(b"t\tget\t200\t10.0.0.1\tann\tpods\tEND\n");
        let user = "u".repeat(30);
        let wide = columns.row(format!("t\tget\t200\t10.0.0.1\t{user}\tpods\tEND\n").as_bytes());
        let after = columns.row("t\tget\t200\t10.0.0.1\tänn\tpods\tEND\n".as_bytes());
        assert_eq!(ends_at(&wide), ends_at(&narrow) + 10);
        assert_eq!(ends_at(&after), ends_at(&wide), "characters count, not bytes");
        assert!(
            Columns::default().head().starts_with("TIME                      VERB    CODE  FROM")
        );
    }

    #[test]
    fn what_is_too_wide_pushes_its_own_row_alone() {
        let mut columns = Columns::default();
        let user = "u".repeat(10 * WIDEST_COLUMN);
        let wide = columns.row(format!("t\tget\t200\tx\t{user}\tpods\tEND\n").as_bytes());
        assert!(wide.contains(&format!("{user}  pods")));
        let after = columns.row(b"t\tget\t200\tx\tann\tpods\tEND\n");
        assert!(after.contains(&format!("ann{}  pods", " ".repeat(WIDEST_COLUMN - 3))));
    }

    #[test]
    fn a_line_that_is_no_event_has_a_place_alone() {
        let row = Columns::default().row(b"(not an event)\tprod/cp-1/audit 1:2\n");
        assert_eq!(row, "(not an event)            prod/cp-1/audit 1:2\n");
    }
}
