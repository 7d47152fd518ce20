//! A C header.

use std::collections::HashSet;
use std::fmt::Write;

use crate::description::Description;
use crate::scalar::Scalar;
use crate::structure::{Base, Struct};

/// Reserved words of C11 and C++20. Sorted.
const RESERVED: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
];

const fn c_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "uint8_t",
        Scalar::U16 => "uint16_t",
        Scalar::U32 => "uint32_t",
        Scalar::U64 => "uint64_t",
        Scalar::I8 => "int8_t",
        Scalar::I16 => "int16_t",
        Scalar::I32 => "int32_t",
        Scalar::I64 => "int64_t",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
    }
}

impl Description {
    /// A header for C11 and C++11 (GCC or Clang) with a struct for each type, and assertions about its size
    /// and offsets.
    ///
    /// `md.Tick/2` becomes `md_Tick_2`; a name that is a keyword, or taken, gets `_` appended. A bare element
    /// becomes a struct with the field `value`.
    #[must_use]
    pub fn c_header(&self) -> String {
        let names = c_names(self);
        let mut header =
            String::from("#pragma once\n#include <assert.h>\n#include <stddef.h>\n#include <stdint.h>\n");
        // A type comes after the types it contains.
        for (each, name) in self.types().iter().zip(&names).rev() {
            self.c_struct(&mut header, each, name, &names);
        }
        header
    }

    fn c_struct(&self, header: &mut String, each: &Struct, name: &str, names: &[String]) {
        // Writing to a string cannot fail.
        let _ = writeln!(header, "\n/* {} */\ntypedef struct {name} {{", each.name());
        for field in each.fields() {
            let base = match field.base() {
                Base::Scalar(scalar) => c_type(scalar),
                Base::Struct(index) => &names[index],
            };
            let _ = write!(header, "    {base} {}", escaped(field.name()));
            field.dimensions().iter().for_each(|length| {
                let _ = write!(header, "[{length}]");
            });
            let _ = writeln!(header, ";");
        }
        let attributes = match self.c_align(each) {
            natural if natural == each.align() => String::new(),
            _ => format!(" __attribute__((packed, aligned({})))", each.align()),
        };
        let _ = writeln!(header, "}}{attributes} {name};");
        let _ = writeln!(header, "static_assert(sizeof({name}) == {}, \"{}\");", each.size(), each.name());
        for field in each.fields() {
            let member = escaped(field.name());
            let _ = writeln!(
                header,
                "static_assert(offsetof({name}, {member}) == {}, \"{}.{}\");",
                field.offset(),
                each.name(),
                field.name()
            );
        }
    }

    /// The alignment that C would give the struct; 0 if C would place a field at another offset.
    fn c_align(&self, each: &Struct) -> u32 {
        each.fields()
            .iter()
            .try_fold(1, |most: u32, field| {
                let align = match field.base() {
                    Base::Scalar(scalar) => scalar.size(),
                    Base::Struct(index) => self.types()[index].align(),
                };
                field.offset().is_multiple_of(align).then_some(most.max(align))
            })
            .unwrap_or(0)
    }
}

fn escaped(name: &str) -> String {
    if RESERVED.binary_search(&name).is_ok() { format!("{name}_") } else { name.to_owned() }
}

/// A C identifier for each type.
fn c_names(description: &Description) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |each: &Struct| {
        let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name = match description.is_bare() && std::ptr::eq(each, description.element()) {
            // `f32[16]`: no identifier may begin with what a scalar's name and these make of it.
            true => format!("element_{}", each.name().replace(']', "").chars().map(word).collect::<String>()),
            false => escaped(&each.name().chars().map(word).collect::<String>()),
        };
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        name
    };
    description.types().iter().map(unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keywords_are_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }
}
