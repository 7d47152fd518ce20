//! A file of code has at most 400 lines, a line of code or comment at most 110 columns, a line of prose 120.

use std::collections::BTreeMap;

const LINES: usize = 400;
const CODE: usize = 110;
const PROSE: usize = 120;

#[test]
fn files_are_short() {
    let counted: BTreeMap<String, usize> = ipc_house::files("rs")
        .iter()
        .map(|path| (path.display().to_string(), ipc_house::text(path).lines().count()))
        .collect();
    let differences = ipc_house::differences("lengths", &counted, LINES);
    assert!(differences.is_empty(), "files of more than {LINES} lines:\n{}", differences.join("\n"));
}

#[test]
fn lines_are_narrow() {
    let mut counted = BTreeMap::new();
    for path in ipc_house::files("rs") {
        let wide = ipc_house::text(&path)
            .lines()
            .filter(|line| line.chars().count() > CODE && may_be_broken(line))
            .count();
        counted.insert(path.display().to_string(), wide);
    }
    for path in ipc_house::files("md") {
        let text = ipc_house::text(&path);
        let mut in_code = false;
        let wide = text
            .lines()
            .filter(|line| {
                in_code ^= line.trim_start().starts_with("```");
                !in_code
                    && !line.trim_start().starts_with('|')
                    && line.chars().count() > PROSE
                    && may_be_broken(line)
            })
            .count();
        counted.insert(path.display().to_string(), wide);
    }
    let differences = ipc_house::differences("widths", &counted, 0);
    assert!(
        differences.is_empty(),
        "lines of more than {CODE} columns of code, {PROSE} of prose:\n{}",
        differences.join("\n")
    );
}

/// A line without a place to break it, such as an address, may be as long as it is; and so may a text in
/// quotes, which the formatter leaves alone too.
fn may_be_broken(line: &str) -> bool {
    line.trim_start().trim_start_matches(['/', '!', '#', '-', '*', ' ']).contains(' ') && !line.contains('"')
}
