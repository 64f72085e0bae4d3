//! Tables of text: aligned, without colour, for terminals of 100 columns.

use std::fmt::Write;
use std::time::Duration;

/// Columns of the terminal.
const WIDTH: usize = 100;

/// Longest text in a column that isn't the last.
const LONGEST: usize = 28;

/// What stands where nothing is known.
pub const NOTHING: &str = "–";

/// Rows of cells. Numbers go to the right, texts to the left.
pub struct Table {
    head: Vec<&'static str>,
    /// By column: whether it is a number's.
    numbers: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// `head` are the columns' names; those of texts begin with `<`, which isn't shown.
    pub fn new(head: &[&'static str]) -> Self {
        let numbers = head.iter().map(|name| !name.starts_with('<')).collect();
        let head = head.iter().map(|name| name.trim_start_matches('<')).collect();
        Self { head, numbers, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let last = self.head.len() - 1;
        let cells = cells.into_iter().enumerate().map(|(column, cell)| match column == last {
            true => clean(&cell),
            false => cut(&clean(&cell), LONGEST),
        });
        self.rows.push(cells.collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head: Vec<String> = self.head.iter().map(|name| (*name).to_owned()).collect();
        let all = || std::iter::once(&head).chain(&self.rows);
        let width =
            |column| all().filter_map(|row: &Vec<String>| row.get(column)).map(length).max();
        let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
        for row in all() {
            let mut line = String::new();
            for ((cell, width), is_number) in row.iter().zip(&widths).zip(&self.numbers) {
                let room = " ".repeat(width - length(cell));
                let gap = if line.is_empty() { "" } else { "  " };
                let _ = match is_number {
                    true => write!(line, "{gap}{room}{cell}"),
                    false => write!(line, "{gap}{cell}{room}"),
                };
            }
            writeln!(f, "{}", cut(line.trim_end(), WIDTH))?;
        }
        Ok(())
    }
}

fn length(text: impl AsRef<str>) -> usize {
    text.as_ref().chars().count()
}

/// The beginning of a text that is too long.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// What comes from tiles and servers must not give orders to a terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A whole number with separators: `1,234,567`.
pub fn number(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds with a decimal: `1,234.5`.
pub fn millis(time: Duration) -> String {
    let tenths = (time.as_micros() + 50) / 100;
    format!("{}.{}", number(tenths / 10), tenths % 10)
}

/// A part of a whole: `12.3 %`.
pub fn share(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (value, text) in cases {
            assert_eq!(number(value as u64), text);
        }
        assert_eq!(millis(Duration::from_micros(1_234_549)), "1,234.5");
        assert_eq!(millis(Duration::from_micros(60)), "0.1");
        assert_eq!(share(1, 8), "12.5 %");
        assert_eq!(share(0, 0), "0.0 %");
    }

    #[test]
    fn columns_are_aligned_and_lines_end_at_the_terminals_border() {
        let mut table = Table::new(&["<layer", "bytes", "<note"]);
        table.row(["straße".to_owned(), "1,234".to_owned(), "x".repeat(200)]);
        table.row(["b\u{1b}[2J".to_owned(), "5".to_owned(), String::new()]);
        let text = table.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "layer   bytes  note");
        assert!(lines[1].starts_with("straße  1,234  xxx") && lines[1].ends_with('…'));
        assert_eq!(lines[1].chars().count(), WIDTH);
        assert_eq!(lines[2], "b [2J       5");
    }
}
