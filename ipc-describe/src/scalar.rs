//! The scalar types that a description can name.

use core::fmt;

/// A number with a fixed width, in little-endian byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Each variant is the Rust type of the same name.
pub enum Scalar {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Scalar {
    /// Every scalar.
    pub const ALL: [Scalar; 10] = [
        Scalar::U8,
        Scalar::U16,
        Scalar::U32,
        Scalar::U64,
        Scalar::I8,
        Scalar::I16,
        Scalar::I32,
        Scalar::I64,
        Scalar::F32,
        Scalar::F64,
    ];

    /// The name in the text: that of the Rust type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scalar::U8 => "u8",
            Scalar::U16 => "u16",
            Scalar::U32 => "u32",
            Scalar::U64 => "u64",
            Scalar::I8 => "i8",
            Scalar::I16 => "i16",
            Scalar::I32 => "i32",
            Scalar::I64 => "i64",
            Scalar::F32 => "f32",
            Scalar::F64 => "f64",
        }
    }

    /// The scalar of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| scalar.name() == name)
    }

    /// Size in bytes. It is the natural alignment, too.
    #[must_use]
    pub const fn size(self) -> u32 {
        match self {
            Scalar::U8 | Scalar::I8 => 1,
            Scalar::U16 | Scalar::I16 => 2,
            Scalar::U32 | Scalar::I32 | Scalar::F32 => 4,
            Scalar::U64 | Scalar::I64 | Scalar::F64 => 8,
        }
    }

    /// The value that these bytes encode, least significant byte first. `None` unless there are exactly
    /// [`size`](Self::size) of them.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Scalar::U8 => Value::Unsigned(u8::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::U16 => Value::Unsigned(u16::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::U32 => Value::Unsigned(u32::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::U64 => Value::Unsigned(u64::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::I8 => Value::Signed(i8::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::I16 => Value::Signed(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::I32 => Value::Signed(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            Scalar::I64 => Value::Signed(i64::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::F32 => Value::Single(f32::from_le_bytes(bytes.try_into().ok()?)),
            Scalar::F64 => Value::Double(f64::from_le_bytes(bytes.try_into().ok()?)),
        })
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A decoded scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Of `u8` to `u64`.
    Unsigned(u64),
    /// Of `i8` to `i64`.
    Signed(i64),
    /// Of `f32`.
    Single(f32),
    /// Of `f64`.
    Double(f64),
}

impl fmt::Display for Value {
    /// As Rust prints the number: an `f32` with as many digits as an `f32` needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unsigned(value) => value.fmt(f),
            Value::Signed(value) => value.fmt(f),
            Value::Single(value) => value.fmt(f),
            Value::Double(value) => value.fmt(f),
        }
    }
}
