//! Tables for the terminal: text in columns, numbers to the right.

/// A table in the making; the first row is its head.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head.
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    /// Adds a row; what nobody measured is an em dash, put there by the caller through [`absent`].
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Lines of the table: the first column to the left, the others to the right.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        let rule = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
        lines.insert(1, "-".repeat(rule));
        lines
    }
}

/// What stands where nothing was measured.
pub(crate) fn absent(value: Option<String>) -> String {
    value.unwrap_or_else(|| "—".to_owned())
}

/// A rate in the unit people read.
pub(crate) fn bitrate(bits_per_second: f64) -> String {
    if bits_per_second >= 1e6 {
        format!("{:.2} Mbps", bits_per_second / 1e6)
    } else {
        format!("{:.1} kbps", bits_per_second / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["clip", "rate"]);
        table.row(vec!["a long name".into(), bitrate(1_500_000.0)]);
        table.row(vec!["b".into(), absent(None)]);
        let lines = table.lines();
        assert_eq!(lines[2], "a long name  1.50 Mbps");
        assert_eq!(lines[3], "b                    —");
    }
}
