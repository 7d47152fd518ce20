//! The rows as Markdown tables.

use super::table;
use crate::result::Results;
use crate::workload;

/// The text of the file.
#[expect(clippy::unnecessary_wraps, reason = "all forms have the same signature")]
pub(super) fn text(results: &Results) -> Result<String, String> {
    let mut text = format!("{}\n", table::machine(results));
    for workload in workload::IN_ORDER.iter().copied() {
        let rows = table::sorted(results, workload);
        if rows.is_empty() {
            continue;
        }
        let (header, lines) = table::text(workload, &rows);
        text += &format!("\n{}\n\n| {} |\n|", table::title(workload), header.join(" | "));
        text += &" --- |".repeat(header.len());
        text += "\n";
        for cells in lines {
            text += &format!("| {} |\n", cells.join(" | "));
        }
    }
    let failed: Vec<_> = results.rows.iter().filter(|row| row.error.is_some()).collect();
    if !failed.is_empty() {
        text += "\nWithout figures:\n\n";
    }
    for row in failed {
        let reason = row.error.as_deref().unwrap_or_default();
        let (workload, wait) = (row.workload.name(), row.wait.name());
        text += &format!("- {workload} {} {wait} {} bytes: {reason}\n", row.mechanism, row.size_bytes);
    }
    Ok(text + &format!("\n`{}`\n", results.command))
}
