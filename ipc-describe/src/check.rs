//! What makes a description consistent.

use std::collections::HashSet;

use crate::error::Problem;
use crate::limits::{MAX_NAME, MAX_SIZE};
use crate::scalar::Scalar;
use crate::structure::{BARE_FIELD, Base, Field, Struct, item_size, type_expression};

/// Checks types of any origin.
///
/// A field's type is defined after the type that contains it, so no type contains itself, and sizes are
/// finite sums.
pub(crate) fn check(types: &[Struct]) -> Result<(), Problem> {
    if types.is_empty() {
        return Err(Problem::Empty);
    }
    let mut is_used = vec![false; types.len()];
    is_used[0] = true;
    let mut names = HashSet::with_capacity(types.len());
    for (number, each) in types.iter().enumerate() {
        if !(is_type_name(&each.name) || (number == 0 && is_bare(types))) {
            return Err(Problem::TypeName { name: each.name.clone() });
        }
        if !names.insert(&each.name) {
            return Err(Problem::DuplicateType { name: each.name.clone() });
        }
        if !is_used[number] {
            return Err(Problem::Unused { name: each.name.clone() });
        }
        if !each.align.is_power_of_two() || each.size == 0 || !each.size.is_multiple_of(each.align) {
            return Err(Problem::Alignment { name: each.name.clone(), size: each.size, align: each.align });
        }
        if each.size > MAX_SIZE {
            return Err(Problem::TooLarge { name: each.name.clone() });
        }
        check_fields(number, types, &mut is_used)?;
    }
    let mut order = Vec::with_capacity(types.len());
    visit(0, types, &mut vec![false; types.len()], &mut order);
    match order.iter().rev().enumerate().find(|(place, number)| place != *number) {
        Some((place, _)) => Err(Problem::TypeOrder { name: types[place].name.clone() }),
        None => Ok(()),
    }
}

/// Lists a type after all types in it, each once, those of the last field first: the canonical order,
/// backwards.
fn visit(number: usize, types: &[Struct], is_listed: &mut [bool], order: &mut Vec<usize>) {
    if !std::mem::replace(&mut is_listed[number], true) {
        for field in types[number].fields.iter().rev() {
            if let Base::Struct(inner) = field.base {
                visit(inner, types, is_listed, order);
            }
        }
        order.push(number);
    }
}

fn check_fields(number: usize, types: &[Struct], is_used: &mut [bool]) -> Result<(), Problem> {
    let each = &types[number];
    let mut end = 0;
    let mut names = HashSet::with_capacity(each.fields.len());
    for field in &each.fields {
        let name = || format!("{}.{}", each.name, field.name);
        if !is_field_name(&field.name) {
            return Err(Problem::FieldName { name: name() });
        }
        if !names.insert(&field.name) {
            return Err(Problem::DuplicateField { name: name() });
        }
        if let Base::Struct(index) = field.base {
            if index <= number || index >= types.len() {
                return Err(Problem::Order { name: name() });
            }
            is_used[index] = true;
        }
        if u64::from(field.offset) != end {
            return Err(Problem::Offset { name: name(), found: field.offset, expected: end });
        }
        end += size_of_field(types, field).ok_or_else(|| Problem::TooLarge { name: name() })?;
    }
    if end == u64::from(each.size) {
        Ok(())
    } else {
        Err(Problem::Size { name: each.name.clone(), size: each.size, end })
    }
}

/// Size of a whole field in bytes; `None` if it is invalid: 0, or more than [`MAX_SIZE`].
fn size_of_field(types: &[Struct], field: &Field) -> Option<u64> {
    let item = u64::from(item_size(types, field));
    let size = field.dimensions.iter().try_fold(item, |size, length| {
        size.checked_mul(u64::from(*length)).filter(|size| *size <= u64::from(MAX_SIZE))
    })?;
    (1..=u64::from(MAX_SIZE)).contains(&size).then_some(size)
}

/// Whether the first type represents an element that is not a struct: its name is the type of its only field.
pub(crate) fn is_bare(types: &[Struct]) -> bool {
    matches!(&*types[0].fields, [field] if field.name == BARE_FIELD
        && !matches!(field.base, Base::Struct(index) if index >= types.len() || field.dimensions.is_empty())
        && type_expression(types, field) == types[0].name)
}

/// `md.Tick/2`: parts of letters, digits and `_` with dots between them, none of which begins with a digit;
/// then a version, if any. Not the name of a scalar.
pub(crate) fn is_type_name(name: &str) -> bool {
    let (base, version) = name.split_once('/').map_or((name, "0"), |(base, version)| (base, version));
    name.len() <= MAX_NAME
        && Scalar::from_name(name).is_none()
        && base.split('.').all(is_identifier)
        && (1..=9).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && (version == "0" || !version.starts_with('0'))
}

pub(crate) fn is_field_name(name: &str) -> bool {
    name.len() <= MAX_NAME && is_identifier(name)
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_with_dots_and_a_version() {
        for name in ["Tick", "md.Tick", "md.Tick/2", "a.b.c/123456789", "_x", "Tick/0"] {
            assert!(is_type_name(name), "{name}");
        }
        for name in [
            "",
            "u64",
            "a..b",
            ".a",
            "a.",
            "2a",
            "a/",
            "a/x",
            "a/01",
            "a/1/2",
            "a b",
            "a/1234567890",
            "é",
            "a[2]",
        ] {
            assert!(!is_type_name(name), "{name}");
        }
        assert!(!is_type_name(&"a".repeat(MAX_NAME + 1)));
    }
}
