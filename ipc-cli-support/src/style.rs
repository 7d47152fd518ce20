//! Colours, on terminals only, and not where `NO_COLOR` is set (no-color.org).
//!
//! Text is marked with characters that have no width, so that tables can be laid out with it; [`paint`] turns
//! the marks into what the terminal understands, or takes them out. Foreign text contains none of the marks
//! after [`harmless`](crate::text::harmless).

use std::io::{IsTerminal as _, stdout};

use anstyle::{AnsiColor, Style};

/// How a text is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Something is wrong.
    Bad,
    /// Something may be wrong.
    Doubtful,
    /// All is well.
    Good,
    /// A heading.
    Heading,
    /// Of less interest.
    Faint,
}

/// Invisible operators of mathematics, and the word joiner: Unicode gives them no width.
const MARKS: [(char, Look); 5] = [
    ('\u{2061}', Look::Bad),
    ('\u{2062}', Look::Doubtful),
    ('\u{2063}', Look::Good),
    ('\u{2064}', Look::Heading),
    ('\u{206a}', Look::Faint),
];
const END: char = '\u{2060}';

impl Look {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Look::Bad => color(AnsiColor::Red).bold(),
            Look::Doubtful => color(AnsiColor::Yellow),
            Look::Good => color(AnsiColor::Green),
            Look::Heading => Style::new().bold(),
            Look::Faint => Style::new().dimmed(),
        }
    }

    /// Marks each word of a text, as a table may break it between words.
    #[must_use]
    pub fn of(self, text: &str) -> String {
        let mark = MARKS.iter().find(|(_, look)| *look == self).map_or(END, |(mark, _)| *mark);
        let words: Vec<_> = text.split(' ').map(|word| format!("{mark}{word}{END}")).collect();
        words.join(" ")
    }
}

/// Whether stdout shows colours.
#[must_use]
pub fn is_colourful() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    stdout().is_terminal() && !refused && !dumb
}

/// The text for stdout: marks turned into colours, or removed.
#[must_use]
pub fn paint(text: &str) -> String {
    paint_for(text, is_colourful())
}

fn paint_for(text: &str, colourful: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut open: Option<Style> = None;
        for character in line.trim_end_matches('\n').chars() {
            let look = MARKS.iter().find(|(mark, _)| *mark == character).map(|(_, look)| *look);
            match look {
                Some(look) if colourful => {
                    out.push_str(&look.style().render().to_string());
                    open = Some(look.style());
                }
                Some(_) => {}
                None if character == END => close(&mut out, &mut open),
                None => out.push(character),
            }
        }
        // A wrapped word ends its colour at the end of the line.
        close(&mut out, &mut open);
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn close(out: &mut String, open: &mut Option<Style>) {
    if let Some(style) = open.take() {
        out.push_str(&style.render_reset().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_colours_or_nothing() {
        let text = format!("{} b", Look::Bad.of("a c"));
        assert_eq!(paint_for(&text, false), "a c b");
        assert_eq!(paint_for(&text, true), "\x1b[1m\x1b[31ma\x1b[0m \x1b[1m\x1b[31mc\x1b[0m b");
    }

    #[test]
    fn a_broken_word_does_not_colour_what_is_beside_it() {
        let text = "\u{2063}wo\nrd\u{2060} x\n";
        assert_eq!(paint_for(text, true), "\x1b[32mwo\x1b[0m\nrd x\n");
    }

    #[test]
    fn text_of_others_holds_no_marks_once_it_is_harmless() {
        for (mark, _) in MARKS.into_iter().chain([(END, Look::Bad)]) {
            assert!(!crate::text::harmless(&format!("a{mark}b")).contains(mark), "{mark:?}");
        }
    }

    #[test]
    fn marks_have_no_width() {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.add_row([Look::Bad.of("dead"), "x".into()]);
        table.add_row(["dead".to_owned(), "x".into()]);
        let plain = paint_for(&table.to_string(), false);
        let lines: Vec<_> = plain.lines().collect();
        assert_eq!(lines[0], lines[1]);
    }
}
