//! The numbers of an element one by one, with their paths: for tables, CSV and other readers.

use core::ops::ControlFlow;

use crate::description::Description;
use crate::scalar::{Scalar, Value};
use crate::structure::{Base, Struct};

/// A number in an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The path from the element to it: `pose.position[2]`.
    pub path: &'a str,
    /// Where it begins, in bytes from the beginning of the element.
    pub offset: u32,
    /// What it is.
    pub scalar: Scalar,
}

impl Leaf<'_> {
    /// Its value in the bytes of an element. `None` when they end before it.
    #[must_use]
    pub fn value(&self, element: &[u8]) -> Option<Value> {
        let begin = self.offset as usize;
        self.scalar.decode(element.get(begin..begin + self.scalar.size() as usize)?)
    }
}

impl Description {
    /// Calls `f` with each number in the order of the offsets, until it breaks. There are at most as many as
    /// the element has bytes; one path is built at a time.
    pub fn for_each_leaf<B>(&self, mut f: impl FnMut(Leaf<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        self.items_of(0, 0, &mut String::new(), &mut |path, offset, base| match base {
            Base::Scalar(scalar) => f(Leaf { path, offset, scalar }),
            Base::Struct(_) => ControlFlow::Continue(()),
        })
    }

    /// Calls `f` with the path and the offset of each part of the element that has this type, in the order of
    /// the offsets, until it breaks. If the element has it, that is the only one, with an empty path.
    pub fn for_each_of<B>(
        &self,
        wanted: &Struct,
        mut f: impl FnMut(&str, u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self.element() == wanted {
            return f("", 0);
        }
        self.items_of(0, 0, &mut String::new(), &mut |path, offset, base| match base {
            Base::Struct(number) if self.types()[number] == *wanted => f(path, offset),
            _ => ControlFlow::Continue(()),
        })
    }

    /// Calls `f` with each item: path, offset and type. The parts of a type follow it.
    fn items_of<B>(
        &self,
        number: usize,
        start: u32,
        path: &mut String,
        f: &mut impl FnMut(&str, u32, Base) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for field in self.types()[number].fields() {
            let (length, item) = (path.len(), self.item_size(field));
            if length > 0 {
                path.push('.');
            }
            path.push_str(field.name());
            let begin = path.len();
            for index in 0..field.items() {
                push_indices(path, index, field.dimensions());
                let offset = start + field.offset() + index as u32 * item;
                f(path, offset, field.base())?;
                if let Base::Struct(inner) = field.base() {
                    self.items_of(inner, offset, path, f)?;
                }
                path.truncate(begin);
            }
            path.truncate(length);
        }
        ControlFlow::Continue(())
    }
}

/// Appends `[row][column]` of an item.
fn push_indices(path: &mut String, index: u64, dimensions: &[u32]) {
    let mut block: u64 = dimensions.iter().map(|length| u64::from(*length)).product();
    let mut rest = index;
    for length in dimensions {
        block /= u64::from(*length);
        path.push_str(&format!("[{}]", rest / block));
        rest %= block;
    }
}
