//! Holds `docs/layout.md` to the code: the tables there are compared with those here.

use crate::memory::Field;

/// The rows of the first table under a heading of `docs/layout.md`, cell by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/layout.md");
    let mut lines = page.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(
        lines.next().is_some_and(|line| line.starts_with('#')),
        "docs/layout.md has no heading {heading:?}"
    );
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.strip_prefix("| 0x")?.split('|').map(str::trim).collect()))
        .collect()
}

fn offset(cells: &[&str]) -> usize {
    usize::from_str_radix(cells[0], 16).expect("an offset in hexadecimal")
}

fn name(cells: &[&str]) -> String {
    cells[2].trim_matches('`').to_owned()
}

/// Bytes: a number, or a product of two. 0 for what depends on the ring.
fn size(cell: &str) -> usize {
    cell.split(" × ").map(|factor| factor.parse().unwrap_or(0)).product()
}

/// Asserts that the table under `heading` lists exactly these fields, in this order, at these offsets.
pub(crate) fn assert_table(heading: &str, fields: &[(&str, usize)]) {
    let expected: Vec<_> = fields.iter().map(|(field, offset)| ((*field).to_owned(), *offset)).collect();
    let found: Vec<_> = rows(heading).iter().map(|cells| (name(cells), offset(cells))).collect();
    assert_eq!(found, expected, "docs/layout.md, {heading}, against the code");
}

/// Asserts that the page is about these versions: in its title, and as the initial values of the headers.
pub(crate) fn assert_versions(rings: u32, domains: u32) {
    let title = include_str!("../../docs/layout.md").lines().next();
    let expected = format!("# The layout of shared memory: rings version {rings}, domains version {domains}");
    assert_eq!(title, Some(&*expected), "the title of docs/layout.md against the code");
    for (heading, version) in [("Header of a ring", rings), ("Domain header", domains)] {
        let value = rows(heading).into_iter().find(|cells| name(cells) == "version").and_then(|cells| {
            let last = cells.into_iter().rfind(|cell| !cell.is_empty());
            last?.parse().ok()
        });
        assert_eq!(value, Some(version), "docs/layout.md, {heading}, `version`, against the code");
    }
}

/// Asserts that the table under `heading` has a row for each of these fields and no other: the same name,
/// offset, size, width of a word, and writer.
pub(crate) fn assert_fields(heading: &str, fields: &[Field]) {
    assert_words(heading, fields, &[]);
}

/// As [`assert_fields`], for a table that has the words of others too, with writers of their own.
pub(crate) fn assert_words(heading: &str, own: &[Field], others: &[&[Field]]) {
    let mut fields: Vec<&Field> = own.iter().chain(others.iter().copied().flatten()).collect();
    fields.sort_by_key(|field| field.offset);
    for pair in fields.windows(2) {
        let end = pair[0].offset + pair[0].size;
        assert!(end <= pair[1].offset, "{heading}: `{}` and `{}` overlap", pair[0].name, pair[1].name);
    }
    let rows = rows(heading);
    assert_eq!(
        rows.iter().map(|cells| name(cells)).collect::<Vec<_>>(),
        fields.iter().map(|field| field.name).collect::<Vec<_>>(),
        "docs/layout.md, {heading}, against the code"
    );
    for (cells, field) in rows.iter().zip(fields) {
        let at = format!("docs/layout.md, {heading}, `{}`", field.name);
        assert_eq!((offset(cells), size(cells[1])), (field.offset, field.size), "{at}");
        if own.contains(field) {
            assert_eq!(cells[4], field.writer, "{at}: who writes it");
        }
        if field.is_word() {
            let width = if field.size == 8 { ["u64", "owner"] } else { ["u32", "u32"] };
            assert!(width.iter().any(|width| cells[3].starts_with(width)), "{at}: {}", cells[3]);
        }
    }
}
