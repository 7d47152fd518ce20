//! A message from what is typed: digits of its bytes, or numbers for its fields.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ipc_ring::describe::{Description, Leaf, Scalar};
use serde_json::{Map, Value};

/// How many fields an error lists.
const LISTED: usize = 8;

/// The bytes that pairs of hexadecimal digits stand for. Spaces between bytes are skipped.
///
/// # Errors
/// What is no pair of digits.
pub(super) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => Some((high.to_digit(16)? * 16 + low.to_digit(16)?) as u8),
        _ => None,
    };
    digits
        .chunks(2)
        .map(|pair| {
            let shown: String = pair.iter().collect();
            byte(pair).ok_or_else(|| format!("{shown:?} is not a byte of two hexadecimal digits"))
        })
        .collect()
}

/// The element whose fields have these values, `path=value` each, with paths as `ipcr tail` prints them.
///
/// # Errors
/// A path that is not in the description, or twice; a value that its type does not have; a field without a
/// value, unless `zeros` fills those.
pub(super) fn from_fields(
    description: &Description,
    fields: &[String],
    zeros: bool,
) -> Result<Vec<u8>, String> {
    let mut given = BTreeMap::new();
    for field in fields {
        let Some((path, value)) = field.split_once('=') else {
            return Err(format!("{field:?} is not of the form FIELD=VALUE"));
        };
        if given.insert(path, value).is_some() {
            return Err(format!("{path:?} is given twice"));
        }
    }
    let mut element = vec![0; description.element().size() as usize];
    let mut missing = Vec::new();
    let filled = description.for_each_leaf(|leaf| match given.remove(leaf.path) {
        Some(value) => match put(&mut element, &leaf, value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => ControlFlow::Break(why),
        },
        None => {
            if !zeros {
                missing.push(leaf.path.to_owned());
            }
            ControlFlow::Continue(())
        }
    });
    if let ControlFlow::Break(why) = filled {
        return Err(why);
    }
    if let Some(path) = given.keys().next() {
        let mut paths = Vec::new();
        let _ = description.for_each_leaf(|leaf| {
            paths.push(leaf.path.to_owned());
            if paths.len() > LISTED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        return Err(format!("the messages have no number {path:?}; they have {}", listed(&paths)));
    }
    if !missing.is_empty() {
        return Err(format!("no value for {}; --zeros makes them 0", listed(&missing)));
    }
    Ok(element)
}

/// The numbers of a JSON object as `path=value`, with paths as `ipcr tail` prints them: those of objects and
/// lists inside are taken together, so that `{"at":[1,2]}` and `{"at[0]":1,"at[1]":2}` are the same.
///
/// # Errors
/// Text that is no JSON object; a value that is no number.
pub(super) fn from_json(text: &str) -> Result<Vec<String>, String> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("{text:?} is no JSON object: {error}"))?;
    let mut fields = Vec::new();
    flatten("", &Value::Object(object), &mut fields)?;
    Ok(fields)
}

fn flatten(path: &str, value: &Value, fields: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::Object(object) => object.iter().try_for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            flatten(&path, value, fields)
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| flatten(&format!("{path}[{index}]"), value, fields)),
        Value::Number(number) => {
            fields.push(format!("{path}={number}"));
            Ok(())
        }
        other => Err(format!("{path}: {other} is no number")),
    }
}

fn listed(paths: &[String]) -> String {
    let shown = paths.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if paths.len() > LISTED { format!("{shown}, …") } else { shown }
}

fn put(element: &mut [u8], leaf: &Leaf<'_>, text: &str) -> Result<(), String> {
    let bytes = encode(leaf.scalar, text)
        .ok_or_else(|| format!("{}: {text:?} is no value of {}", leaf.path, leaf.scalar))?;
    let begin = leaf.offset as usize;
    let place = element
        .get_mut(begin..begin + bytes.len())
        .ok_or_else(|| format!("{} lies outside of the message", leaf.path))?;
    place.copy_from_slice(&bytes);
    Ok(())
}

/// The bytes of a number, least significant first: the inverse of [`Scalar::decode`].
fn encode(scalar: Scalar, text: &str) -> Option<Vec<u8>> {
    macro_rules! parsed {
        ($number:ty) => {
            text.parse::<$number>().ok()?.to_le_bytes().to_vec()
        };
    }
    Some(match scalar {
        Scalar::U8 => parsed!(u8),
        Scalar::U16 => parsed!(u16),
        Scalar::U32 => parsed!(u32),
        Scalar::U64 => parsed!(u64),
        Scalar::I8 => parsed!(i8),
        Scalar::I16 => parsed!(i16),
        Scalar::I32 => parsed!(i32),
        Scalar::I64 => parsed!(i64),
        Scalar::F32 => parsed!(f32),
        Scalar::F64 => parsed!(f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_bytes() {
        assert_eq!(from_hex("00fF 1a").unwrap(), [0, 0xff, 0x1a]);
        assert!(from_hex("").unwrap().is_empty());
        for (text, part) in [("0", "0"), ("0x00", "0x"), ("00é0", "é0"), ("+1", "+1")] {
            assert!(from_hex(text).unwrap_err().contains(&format!("{part:?}")), "{text}");
        }
    }

    #[test]
    fn json_is_taken_apart_into_paths() {
        let fields = from_json(r#"{"a":1,"b":{"c":[-2,0.5],"d[1]":3}}"#).unwrap();
        assert_eq!(fields, ["a=1", "b.c[0]=-2", "b.c[1]=0.5", "b.d[1]=3"]);
        for (text, part) in [("[1]", "no JSON object"), ("{\"a\":true}", "a: true"), ("{", "no JSON object")]
        {
            assert!(from_json(text).unwrap_err().contains(part), "{text}");
        }
    }

    #[test]
    fn a_number_of_each_type_is_what_it_decodes_to() {
        for scalar in Scalar::ALL {
            for text in ["0", "1", "100", "-7", "0.5", "18446744073709551615"] {
                let Some(bytes) = encode(scalar, text) else {
                    let is_signed = scalar.name().starts_with(['i', 'f']);
                    assert!(text.len() > 3 || text.contains('.') || !is_signed, "{scalar} {text}");
                    continue;
                };
                let value = scalar.decode(&bytes).unwrap().to_string();
                let same = value.parse::<f64>().unwrap() as f32 == text.parse::<f64>().unwrap() as f32;
                assert!(same, "{scalar} {text} {value}");
            }
        }
        assert_eq!((encode(Scalar::U8, "256"), encode(Scalar::I8, "-129")), (None, None));
        assert_eq!((encode(Scalar::U8, "1.5"), encode(Scalar::F64, "one")), (None, None));
    }
}
