//! From text to a description. The text may be hostile: every byte of it is checked.

use core::str::FromStr;
use std::collections::HashMap;

use crate::description::Description;
use crate::error::{ParseError, Problem};
use crate::limits::MAX_TEXT;
use crate::scalar::Scalar;
use crate::structure::{Base, Field, Struct};

impl FromStr for Description {
    type Err = ParseError;

    /// Reads a canonical text. Takes time proportional to the length of the text, which is limited to
    /// [`MAX_TEXT`] bytes.
    ///
    /// # Errors
    /// [`ParseError`] with the line and the [`Problem`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let whole = |problem| ParseError { line: 0, problem };
        if text.len() > MAX_TEXT {
            return Err(whole(Problem::TextTooLong { length: text.len() }));
        }
        let names: HashMap<&str, usize> =
            text.lines().filter_map(type_name).enumerate().map(|(index, name)| (name, index)).collect();
        let mut types: Vec<Struct> = Vec::with_capacity(names.len());
        for (number, line) in text.lines().enumerate() {
            let problem = |problem| ParseError { line: number + 1, problem };
            let syntax = || problem(Problem::Syntax { found: line.escape_debug().take(80).collect() });
            if type_name(line).is_some() {
                types.push(parse_type(line).ok_or_else(syntax)?);
            } else {
                let each = types.last_mut().ok_or_else(syntax)?;
                let (field, base) = parse_field(line).ok_or_else(syntax)?;
                let base = match Scalar::from_name(base) {
                    Some(scalar) => Base::Scalar(scalar),
                    None => match names.get(base) {
                        Some(index) => Base::Struct(*index),
                        None => {
                            let name = format!("{}.{}", each.name, field.name);
                            return Err(problem(Problem::Order { name }));
                        }
                    },
                };
                each.fields.push(Field { base, ..field });
            }
        }
        let description = Self::checked(types).map_err(whole)?;
        if description.text() == text { Ok(description) } else { Err(whole(Problem::NotCanonical)) }
    }
}

fn type_name(line: &str) -> Option<&str> {
    line.strip_prefix("type ")?.split(' ').next()
}

fn parse_type(line: &str) -> Option<Struct> {
    match *line.split(' ').collect::<Vec<_>>() {
        ["type", name, "size", size, "align", align] => Some(Struct {
            name: name.to_owned(),
            size: size.parse().ok()?,
            align: align.parse().ok()?,
            fields: Vec::new(),
        }),
        _ => None,
    }
}

/// A field, and the name of its type, without its dimensions. The field's own type is still to be resolved.
fn parse_field(line: &str) -> Option<(Field, &str)> {
    let mut words = line.split(' ');
    let (offset, expression, name) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let (base, lengths) = expression.split_at(expression.find('[').unwrap_or(expression.len()));
    let dimensions = match lengths {
        "" => Vec::new(),
        lengths => lengths
            .strip_prefix('[')?
            .strip_suffix(']')?
            .split("][")
            .map(|length| length.parse().ok())
            .collect::<Option<Vec<u32>>>()?,
    };
    let field = Field {
        offset: offset.parse().ok()?,
        base: Base::Scalar(Scalar::U8),
        dimensions,
        name: name.to_owned(),
    };
    Some((field, base))
}
