//! Foreign text: names of processes, keys of other users, bytes of messages. It may contain sequences that
//! move the cursor of a terminal or hide a line, so it is never printed as it is.

/// The text with everything escaped that is not printed as a character of its own: control characters, marks
/// that turn the direction of writing or have no width, and the backslash itself, so that escaped characters
/// can be distinguished from literal ones.
///
/// ```
/// use ipc_cli_support::text::harmless;
///
/// assert_eq!(harmless("naïve \"name\""), "naïve \"name\"");
/// assert_eq!(harmless("\x1b[2J\n\u{9b}31m\u{202e}\\"), "\\u{1b}[2J\\n\\u{9b}31m\\u{202e}\\\\");
/// ```
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}

/// JSON in ASCII: a terminal acts on control characters above 0x7f too, which JSON allows in strings as they
/// are.
///
/// ```
/// assert_eq!(ipc_cli_support::text::ascii_json("{\"name\":\"\u{9b}é\u{1f600}\u{7f}\"}"), r#"{"name":"\u009b\u00e9\ud83d\ude00\u007f"}"#);
/// ```
#[must_use]
pub fn ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\x7f' {
            out.push(character);
        } else {
            // Characters above 0x7e occur in strings only.
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Sixteen bytes a line: offset, hexadecimal, and the characters of ASCII that are printed, `.` for others.
///
/// ```
/// let lines = ipc_cli_support::text::hex_dump(b"\x00ring\x1b");
/// assert_eq!(lines, ["0000  00 72 69 6e 67 1b                                 |.ring.|"]);
/// ```
#[must_use]
pub fn hex_dump(bytes: &[u8]) -> Vec<String> {
    let line = |(number, part): (usize, &[u8])| {
        let mut hex = String::new();
        for place in 0..16 {
            match part.get(place) {
                Some(byte) => hex.push_str(&format!("{byte:02x} ")),
                None => hex.push_str("   "),
            }
            if place == 7 {
                hex.push(' ');
            }
        }
        let text: String = part
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        format!("{:04x}  {hex} |{text}|", number * 16)
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

/// Bytes in hexadecimal, two digits each.
///
/// ```
/// assert_eq!(ipc_cli_support::text::hex(b"\x00\xff"), "00ff");
/// ```
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
