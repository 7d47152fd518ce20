//! Where two descriptions differ, and whether one is a prefix of the other.

use core::fmt;

use crate::description::Description;
use crate::structure::{Base, Field};

/// The first difference between what was found and what was expected. Paths lead from the element to the
/// field: `pose.position.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The types have other names.
    Name {
        /// The path of the field of that type; empty for the element.
        path: String,
        /// The name found.
        found: String,
        /// The name expected.
        expected: String,
    },
    /// A field is there under another name.
    Renamed {
        /// The path expected.
        path: String,
        /// The field's name found.
        found: String,
        /// Its offset in its type, in bytes.
        offset: u32,
    },
    /// A field has another type.
    Type {
        /// The path.
        path: String,
        /// The type found.
        found: String,
        /// The type expected.
        expected: String,
    },
    /// A field lies elsewhere in its type.
    Moved {
        /// The path.
        path: String,
        /// The offset found, in bytes.
        found: u32,
        /// The offset expected, in bytes.
        expected: u32,
    },
    /// An expected field is not there.
    Missing {
        /// The path.
        path: String,
        /// The type expected.
        expected: String,
    },
    /// A field is there that was not expected.
    Extra {
        /// The path.
        path: String,
        /// The type found.
        found: String,
    },
    /// The types have other alignments.
    Alignment {
        /// The path of the field of that type; empty for the element.
        path: String,
        /// The alignment found, in bytes.
        found: u32,
        /// The alignment expected, in bytes.
        expected: u32,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            |path: &str| if path.is_empty() { "the element".to_owned() } else { format!("field `{path}`") };
        match self {
            Difference::Name { path, found, expected } => {
                write!(f, "{} is a `{found}`, expected a `{expected}`", of(path))
            }
            Difference::Renamed { path, found, offset } => {
                write!(f, "the field at byte {offset} is named `{found}`, expected `{path}`")
            }
            Difference::Type { path, found, expected } => {
                write!(f, "field `{path}` is {found}, expected {expected}")
            }
            Difference::Moved { path, found, expected } => {
                write!(f, "field `{path}` begins at byte {found}, expected byte {expected}")
            }
            Difference::Missing { path, expected } => {
                write!(f, "field `{path}` is missing, expected {expected}")
            }
            Difference::Extra { path, found } => write!(f, "field `{path}` ({found}) was not expected"),
            Difference::Alignment { path, found, expected } => {
                write!(f, "{} is aligned to {found} bytes, expected {expected}", of(path))
            }
        }
    }
}

impl Description {
    /// The first difference from what is expected, if there is one.
    #[must_use]
    pub fn difference(&self, expected: &Description) -> Option<Difference> {
        (self != expected).then(|| Comparison { found: self, expected, is_prefix: false }.element()).flatten()
    }

    /// Whether an element of this description begins with a complete element of `shorter`, so that a reader
    /// of the latter can read it: both have the same name except for the version, and the first fields are
    /// the same. Then fields were only appended, as SBE requires between versions.
    ///
    /// # Errors
    /// The first [`Difference`] that prevents it.
    pub fn begins_with(&self, shorter: &Description) -> Result<(), Difference> {
        match (Comparison { found: self, expected: shorter, is_prefix: true }).element() {
            Some(difference) => Err(difference),
            None => Ok(()),
        }
    }
}

struct Comparison<'a> {
    found: &'a Description,
    expected: &'a Description,
    /// What is found may have another version and more fields.
    is_prefix: bool,
}

impl Comparison<'_> {
    fn element(&self) -> Option<Difference> {
        let (found, expected) = (self.found.element(), self.expected.element());
        let names = match self.is_prefix {
            true => (found.base_name(), expected.base_name()),
            false => (found.name(), expected.name()),
        };
        // A bare element's name is its type: the difference is reported for its field.
        if names.0 != names.1 && !(self.found.is_bare() && self.expected.is_bare()) {
            let (found, expected) = (found.name().to_owned(), expected.name().to_owned());
            return Some(Difference::Name { path: String::new(), found, expected });
        }
        self.types((0, 0), "")
    }

    /// Compares two types by their indices.
    fn types(&self, (found, expected): (usize, usize), path: &str) -> Option<Difference> {
        let may_be_longer = self.is_prefix && path.is_empty();
        let (found, expected) = (&self.found.types()[found], &self.expected.types()[expected]);
        let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let mut there = found.fields().iter();
        for wanted in expected.fields() {
            let Some(field) = there.next() else {
                let (path, expected) = (at(wanted.name()), self.expected.type_of(wanted));
                return Some(Difference::Missing { path, expected });
            };
            if field.name() != wanted.name() {
                return Some(self.other_name(found.fields(), field, wanted, at(wanted.name())));
            }
            if let Some(difference) = self.fields(field, wanted, at(wanted.name())) {
                return Some(difference);
            }
        }
        if let Some(field) = there.next().filter(|_| !may_be_longer) {
            return Some(Difference::Extra { path: at(field.name()), found: self.found.type_of(field) });
        }
        // Longer elements may be more strictly aligned.
        let fits =
            if may_be_longer { found.align() >= expected.align() } else { found.align() == expected.align() };
        (!fits).then(|| {
            let (found, expected) = (found.align(), expected.align());
            Difference::Alignment { path: path.to_owned(), found, expected }
        })
    }

    /// Another field is where one was expected.
    fn other_name(&self, found: &[Field], field: &Field, wanted: &Field, path: String) -> Difference {
        if let Some(moved) = found.iter().find(|other| other.name() == wanted.name()) {
            Difference::Moved { path, found: moved.offset(), expected: wanted.offset() }
        } else if self.found.type_of(field) == self.expected.type_of(wanted) {
            Difference::Renamed { path, found: field.name().to_owned(), offset: field.offset() }
        } else {
            Difference::Missing { path, expected: self.expected.type_of(wanted) }
        }
    }

    fn fields(&self, found: &Field, expected: &Field, path: String) -> Option<Difference> {
        let types = (self.found.type_of(found), self.expected.type_of(expected));
        if types.0 != types.1 {
            return Some(Difference::Type { path, found: types.0, expected: types.1 });
        }
        match (found.base(), expected.base()) {
            (Base::Struct(found), Base::Struct(expected)) => self.types((found, expected), &path),
            _ => None,
        }
    }
}
