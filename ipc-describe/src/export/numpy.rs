//! A NumPy data type.

use std::fmt::Write;

use crate::description::Description;
use crate::scalar::Scalar;
use crate::structure::{Base, Field};

const fn format(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "|u1",
        Scalar::U16 => "<u2",
        Scalar::U32 => "<u4",
        Scalar::U64 => "<u8",
        Scalar::I8 => "|i1",
        Scalar::I16 => "<i2",
        Scalar::I32 => "<i4",
        Scalar::I64 => "<i8",
        Scalar::F32 => "<f4",
        Scalar::F64 => "<f8",
    }
}

impl Description {
    /// The argument of `numpy.dtype(…)` as a Python literal, which `ast.literal_eval` reads; offsets and size
    /// are explicit.
    ///
    /// ```
    /// use ipc_describe::Description;
    /// assert_eq!(Description::of::<[f32; 3]>()?.numpy_dtype(), "('<f4', (3,))");
    /// # Ok::<(), ipc_describe::Problem>(())
    /// ```
    #[must_use]
    pub fn numpy_dtype(&self) -> String {
        match self.element().fields() {
            [field] if self.is_bare() => self.numpy_field(field),
            _ => self.numpy_struct(0),
        }
    }

    fn numpy_struct(&self, number: usize) -> String {
        let each = &self.types()[number];
        let list =
            |item: &dyn Fn(&Field) -> String| each.fields().iter().map(item).collect::<Vec<_>>().join(", ");
        format!(
            "{{'names': [{}], 'formats': [{}], 'offsets': [{}], 'itemsize': {}}}",
            list(&|field| format!("'{}'", field.name())),
            list(&|field| self.numpy_field(field)),
            list(&|field| field.offset().to_string()),
            each.size(),
        )
    }

    fn numpy_field(&self, field: &Field) -> String {
        let base = match field.base() {
            Base::Scalar(scalar) => format!("'{}'", format(scalar)),
            Base::Struct(index) => self.numpy_struct(index),
        };
        if field.dimensions().is_empty() {
            return base;
        }
        let mut shape = String::new();
        for length in field.dimensions() {
            let _ = write!(shape, "{length}, "); // Writing to a string cannot fail.
        }
        let shape =
            if field.dimensions().len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
        format!("({base}, ({shape}))")
    }
}
