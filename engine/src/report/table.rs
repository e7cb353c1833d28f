//! Tables as aligned text, Markdown and CSV.

use std::fmt::Display;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle, presets};

use crate::error::{Error, Result};
use crate::report::html::escape;

/// A rule below the header and no others.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table: what is shown to people, and the plain values for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A value of a table, in both forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    shown: String,
    plain: String,
    is_number: bool,
}

impl Cell {
    /// A text, shown as it is.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.clone(), plain: text, is_number: false }
    }

    /// A number: how it is shown, and its plain form.
    pub fn number(shown: impl Into<String>, plain: impl Display) -> Self {
        Self { shown: shown.into(), plain: plain.to_string(), is_number: true }
    }

    /// A number that is missing: a dash for people, nothing for programs.
    #[must_use]
    pub fn missing() -> Self {
        Self { shown: "–".into(), plain: String::new(), is_number: true }
    }

    /// A number that may be missing.
    #[must_use]
    pub fn optional(value: Option<f64>, show: impl FnOnce(f64) -> String) -> Self {
        value.map_or_else(Self::missing, |value| Self::number(show(value), value))
    }
}

impl Table {
    /// An empty table with the given columns.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Whether the table has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends a row with one cell per column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Aligned text that fits the width, in characters, where one is given.
    #[must_use]
    pub fn to_text(&self, width: Option<u16>) -> String {
        self.arranged(RULED, width)
    }

    /// A Markdown table.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let escaped = |cell: &Cell| Cell { shown: cell.shown.replace('|', "\\|"), ..cell.clone() };
        let rows = self.rows.iter().map(|row| row.iter().map(escaped).collect()).collect();
        Self { columns: self.columns.clone(), rows }.arranged(presets::ASCII_MARKDOWN, None)
    }

    /// An HTML table, every text escaped; numbers are aligned to the right.
    #[must_use]
    pub fn to_html(&self) -> String {
        let cell = |tag: &str, text: &str, is_number: bool| {
            let side = if is_number { "right" } else { "left" };
            format!("<{tag} style=\"text-align: {side}\">{}</{tag}>", escape(text))
        };
        let header: String =
            self.columns.iter().enumerate().map(|(index, name)| cell("th", name, self.is_numeric(index))).collect();
        let row =
            |row: &Vec<Cell>| -> String { row.iter().map(|value| cell("td", &value.shown, value.is_number)).collect() };
        let rows: Vec<_> = self.rows.iter().map(|cells| format!("<tr>{}</tr>", row(cells))).collect();
        format!("<table><tr>{header}</tr>{}</table>", rows.concat())
    }

    /// Comma-separated values with a header, in plain form.
    ///
    /// # Errors
    /// `Bug`, should the values not be writable.
    pub fn to_csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let plain = self.rows.iter().map(|row| row.iter().map(|cell| cell.plain.as_str()).collect::<Vec<_>>());
        let mut write = || -> csv::Result<()> {
            writer.write_record(&self.columns)?;
            plain.clone().try_for_each(|row| writer.write_record(row))
        };
        write().map_err(|error| Error::bug(format!("a table cannot be written as CSV: {error}")))?;
        let bytes = writer.into_inner().map_err(|error| Error::bug(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| Error::bug(error.to_string()))
    }

    fn is_numeric(&self, column: usize) -> bool {
        self.rows.iter().any(|row| row[column].is_number)
    }

    fn arranged(&self, style: TableStyle, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(style).force_no_tty().set_header(&self.columns);
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| cell.shown.as_str()));
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            if self.is_numeric(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let text: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        text.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["name", "count"]);
        table.push(vec![Cell::text("a|b, \"c\""), Cell::number("1,234", 1_234)]);
        table.push(vec![Cell::text("d"), Cell::missing()]);
        table
    }

    #[test]
    fn markdown_keeps_its_columns_apart() {
        let markdown = table().to_markdown();
        assert_eq!(markdown.lines().nth(2).unwrap(), "| a\\|b, \"c\" | 1,234 |");
        assert_eq!(markdown.lines().count(), 4);
    }

    #[test]
    fn html_escapes_and_aligns() {
        let html = table().to_html();
        assert!(html.contains("<td style=\"text-align: left\">a|b, &quot;c&quot;</td>"), "{html}");
        assert!(html.contains("<th style=\"text-align: right\">count</th>"), "{html}");
    }

    #[test]
    fn csv_is_plain_and_quoted() {
        assert_eq!(table().to_csv().unwrap(), "name,count\n\"a|b, \"\"c\"\"\",1234\nd,\n");
    }
}
