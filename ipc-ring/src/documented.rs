//! Holds `docs/layout.md` to the code: the tables there are compared with the constants here.

/// The rows of the first table under a heading of `docs/layout.md`: field and offset.
fn table(heading: &str) -> Vec<(String, usize)> {
    let page = include_str!("../../docs/layout.md");
    let mut lines = page.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(
        lines.next().is_some_and(|line| line.starts_with('#')),
        "docs/layout.md has no heading {heading:?}"
    );
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| 0x")?.split('|').map(str::trim);
            let offset = usize::from_str_radix(cells.next()?, 16).expect("an offset in hexadecimal");
            let field = cells.nth(1).expect("a third column").trim_matches('`').to_owned();
            Some((field, offset))
        })
        .collect()
}

/// Asserts that the table under `heading` lists exactly these fields, in this order, at these offsets.
pub(crate) fn assert_table(heading: &str, fields: &[(&str, usize)]) {
    let expected: Vec<_> = fields.iter().map(|(field, offset)| ((*field).to_owned(), *offset)).collect();
    assert_eq!(table(heading), expected, "docs/layout.md, {heading}, against the code");
}
