//! The words of the field, not private ones: what CONTRIBUTING.md lists is not used in comments, messages and
//! documents.

use std::collections::BTreeMap;

/// Phrases that a reader has to translate, and what is written instead.
const WORDS: [(&str, &str); 15] = [
    ("whoever", "the process that, any process that"),
    ("nobody", "no process, no one, nothing"),
    ("somebody", "another process, someone"),
    ("is told", "is notified, is reported"),
    ("are told", "are notified, are reported"),
    ("so many", "the number of"),
    ("makes no sense", "is invalid"),
    ("let go", "drop, release"),
    ("in vain", "without effect, unsuccessfully"),
    ("as parts of", "relative to"),
    ("on the heels", "just behind"),
    ("crowd", "waiters, participants"),
    ("roster", "endpoints"),
    ("farewell", "what dropping an end does"),
    ("slip", "batching"),
];

#[test]
fn words_are_those_of_the_field() {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for path in ipc_house::files("rs").iter().chain(&ipc_house::files("md")) {
        if path.starts_with("ipc-house") {
            continue;
        }
        let text = ipc_house::text(path).to_lowercase();
        let found = words_of(&text);
        for (phrase, _) in WORDS {
            *counted.entry(phrase.to_owned()).or_default() += occurrences(&found, phrase);
        }
    }
    let differences = ipc_house::differences("words", &counted, 0);
    assert!(differences.is_empty(), "words:\n{}", differences.join("\n"));
}

/// The words of a text; a line break with its comment signs counts as a space.
fn words_of(text: &str) -> Vec<&str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .collect()
}

/// How often the phrase stands among the words.
fn occurrences(words: &[&str], phrase: &str) -> usize {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).filter(|window| *window == phrase).count()
}
