//! From Rust types to descriptions.

use crate::description::Description;
use crate::error::Problem;
use crate::scalar::Scalar;
use crate::structure::{BARE_FIELD, Base, Field, Struct};

/// A type whose layout can be described: the numbers with fixed widths, arrays, and structs that
/// [derive](derive@crate::Describe) it.
///
/// The names are part of the description, so that other languages can have them too: give each struct a name
/// and a version (`#[describe(name = "md.Tick/2")]`). Without it, the name is the struct's own.
///
/// ```
/// use ipc_describe::{Describe, Description};
///
/// #[derive(Describe)]
/// #[repr(C)]
/// #[describe(name = "md.Tick/2")]
/// struct Tick {
///     time_ns: u64,
///     price: i64,
///     quantity: u32,
///     symbol: u32,
/// }
///
/// let text = "\
/// type md.Tick/2 size 24 align 8
/// 0 u64 time_ns
/// 8 i64 price
/// 16 u32 quantity
/// 20 u32 symbol
/// ";
/// assert_eq!(Description::of::<Tick>()?.text(), text);
/// assert_eq!(text.parse::<Description>()?, Description::of::<Tick>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the layout of `{Self}` cannot be described",
    label = "no `Describe`",
    note = "on a `#[repr(C)]` struct, add `#[derive(ipc_describe::Describe)]`",
    note = "`usize`, `isize`, `bool`, `char`, 128-bit numbers and enums do not mean the same in every language: use a number of 8 to 64 \
            bits"
)]
pub trait Describe: Sized {
    /// The layout of this type.
    fn layout() -> Layout;
}

/// The layout of a type, as [`Describe`] gives it; [`Description::of`] checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A number.
    Scalar(Scalar),
    /// An array of this number of items.
    Array(usize, Box<Layout>),
    /// A struct.
    Struct {
        /// Its name.
        name: String,
        /// Size in bytes.
        size: usize,
        /// Alignment in bytes.
        align: usize,
        /// Offset in bytes, layout and name of each field.
        fields: Vec<(usize, Layout, String)>,
    },
}

macro_rules! scalars {
    ($($scalar:ident $type:ty),+) => {
        $(impl Describe for $type {
            fn layout() -> Layout {
                Layout::Scalar(Scalar::$scalar)
            }
        })+
    };
}

scalars!(U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64);

impl<T: Describe, const N: usize> Describe for [T; N] {
    fn layout() -> Layout {
        Layout::Array(N, Box::new(T::layout()))
    }
}

impl Layout {
    /// Size and alignment in bytes.
    fn size_and_align(&self) -> (usize, usize) {
        match self {
            Layout::Scalar(scalar) => (scalar.size() as usize, scalar.size() as usize),
            Layout::Array(length, item) => {
                let (size, align) = item.size_and_align();
                (size.saturating_mul(*length), align)
            }
            Layout::Struct { size, align, .. } => (*size, *align),
        }
    }
}

impl Description {
    /// The description of `T`.
    ///
    /// # Errors
    /// [`Problem`], for example two different types of one name inside `T`, or a name that is not one.
    pub fn of<T: Describe>() -> Result<Self, Problem> {
        let layout = T::layout();
        let element = match layout {
            Layout::Struct { .. } => layout,
            bare => {
                let (size, align) = bare.size_and_align();
                let name = expression(&bare);
                Layout::Struct { name, size, align, fields: vec![(0, bare, BARE_FIELD.to_owned())] }
            }
        };
        let mut ordered = Vec::new();
        visit(&element, &mut ordered)?;
        ordered.reverse();
        let types = ordered.iter().map(|each| to_struct(each, &ordered)).collect::<Result<_, _>>()?;
        Self::checked(types)
    }
}

/// How a type is written.
fn expression(layout: &Layout) -> String {
    let mut lengths = String::new();
    let mut item = layout;
    while let Layout::Array(length, inner) = item {
        lengths += &format!("[{length}]");
        item = inner;
    }
    match item {
        Layout::Struct { name, .. } => format!("{name}{lengths}"),
        Layout::Scalar(scalar) => format!("{scalar}{lengths}"),
        Layout::Array(..) => unreachable!("the loop above ends at no array"),
    }
}

/// Lists a struct after all structs in it, each once, those of the last field first: reversed, each precedes
/// what it contains, and those of the first field come first.
fn visit<'a>(layout: &'a Layout, ordered: &mut Vec<&'a Layout>) -> Result<(), Problem> {
    match layout {
        Layout::Scalar(_) => Ok(()),
        Layout::Array(_, item) => visit(item, ordered),
        Layout::Struct { name, fields, .. } => {
            match ordered
                .iter()
                .find(|other| matches!(other, Layout::Struct { name: other, .. } if other == name))
            {
                Some(other) if *other == layout => Ok(()),
                Some(_) => Err(Problem::DuplicateType { name: name.clone() }),
                None => {
                    fields.iter().rev().try_for_each(|(_, field, _)| visit(field, ordered))?;
                    ordered.push(layout);
                    Ok(())
                }
            }
        }
    }
}

fn to_struct(layout: &Layout, ordered: &[&Layout]) -> Result<Struct, Problem> {
    let Layout::Struct { name, size, align, fields } = layout else {
        unreachable!("only structs are listed");
    };
    let narrow = |number: usize| u32::try_from(number).map_err(|_| Problem::TooLarge { name: name.clone() });
    let fields = fields.iter().map(|(offset, layout, field)| {
        let (mut item, mut dimensions) = (layout, Vec::new());
        while let Layout::Array(length, inner) = item {
            dimensions.push(narrow(*length)?);
            item = inner;
        }
        let base = match item {
            Layout::Scalar(scalar) => Base::Scalar(*scalar),
            inner => Base::Struct(ordered.iter().position(|other| *other == inner).unwrap_or(usize::MAX)),
        };
        Ok(Field { offset: narrow(*offset)?, base, dimensions, name: field.clone() })
    });
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(Struct { name: name.clone(), size: narrow(*size)?, align: narrow(*align)?, fields })
}
