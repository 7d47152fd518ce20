//! The rows as CSV (RFC 4180).

use super::columns;
use crate::result::Results;

/// The text of the file.
#[expect(clippy::unnecessary_wraps, reason = "all forms have the same signature")]
pub(super) fn text(results: &Results) -> Result<String, String> {
    let mut text = columns::NAMES.join(",") + "\r\n";
    for row in &results.rows {
        let cells: Vec<_> = columns::cells(row).iter().map(|cell| quoted(cell)).collect();
        text += &cells.join(",");
        text += "\r\n";
    }
    Ok(text)
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_commas_is_quoted() {
        assert_eq!(quoted("killed, \"hard\""), "\"killed, \"\"hard\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }
}
