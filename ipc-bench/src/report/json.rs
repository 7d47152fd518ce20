//! The whole result as JSON, version 1.

use crate::result::Results;

/// The text of the file.
pub(super) fn text(results: &Results) -> Result<String, String> {
    let text = serde_json::to_string_pretty(results).map_err(|error| format!("JSON: {error}"))?;
    Ok(compact_points(&text) + "\n")
}

/// Puts each point of the curves on one line, as people would write them.
fn compact_points(pretty: &str) -> String {
    let mut out = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if line.trim_end().ends_with('[') && line.trim() == "[" {
            for number in lines.by_ref() {
                out.push_str(number.trim());
                if number.trim().starts_with(']') {
                    break;
                }
            }
        }
        if lines.peek().is_some() {
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_the_same_numbers() {
        let value = serde_json::json!({"curve": [[0.5, 143.0], [1.0, 200.0]], "empty": [], "n": 1});
        let compact = compact_points(&serde_json::to_string_pretty(&value).expect("valid"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&compact).expect("valid"), value);
        assert!(compact.contains("[0.5,143.0]"), "{compact}");
    }
}
