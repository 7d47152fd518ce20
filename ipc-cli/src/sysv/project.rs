//! The project number of `ftok`, as given on the command line.

use std::num::NonZeroU8;
use std::str::FromStr;

/// The number that `ftok` mixes into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Project(pub(crate) NonZeroU8);

impl FromStr for Project {
    type Err = String;

    /// A number from 1 to 255, in decimal or 0x hexadecimal, or a character that is no digit.
    fn from_str(text: &str) -> Result<Project, String> {
        let wrong = || {
            format!(
                "invalid project {text:?}: expected is a number from 1 to 255, or one ASCII character that is no digit"
            )
        };
        let number = if let Some(digits) = text.strip_prefix("0x") {
            u8::from_str_radix(digits, 16).ok()
        } else if let [byte] = text.as_bytes()
            && !byte.is_ascii_digit()
        {
            Some(*byte)
        } else if text.bytes().all(|digit| digit.is_ascii_digit()) {
            text.parse().ok()
        } else {
            None
        };
        number.and_then(NonZeroU8::new).map(Project).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_numbers_or_characters() {
        for (text, number) in [("1", 1), ("255", 255), ("0x61", 0x61), ("a", 0x61), ("-", 0x2d)] {
            assert_eq!(text.parse::<Project>().map(|project| project.0.get()), Ok(number), "{text}");
        }
        for text in ["", "0", "256", "0x", "ab", "é"] {
            assert!(text.parse::<Project>().is_err(), "{text}");
        }
    }
}
