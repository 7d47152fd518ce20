//! A ROS 2 message definition, as MCAP files and bags carry it (schema encoding `ros2msg`).

use core::fmt;
use std::collections::HashSet;
use std::fmt::Write;

use crate::description::Description;
use crate::scalar::Scalar;
use crate::structure::Base;

/// Why there is no ROS form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RosError {
    /// A number is at a place where CDR would insert padding before it, so the bytes of an element are not
    /// its encoding.
    Unaligned,
    /// Two types have one ROS name.
    Name {
        /// That name.
        name: String,
    },
}

impl fmt::Display for RosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RosError::Unaligned => f.write_str(
                "the type is packed: its bytes are no CDR encoding; use `#[repr(C)]` and name padding as a field",
            ),
            RosError::Name { name } => write!(f, "two types become `{name}` in ROS: rename one of them"),
        }
    }
}

impl core::error::Error for RosError {}

const fn ros_type(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "uint8",
        Scalar::U16 => "uint16",
        Scalar::U32 => "uint32",
        Scalar::U64 => "uint64",
        Scalar::I8 => "int8",
        Scalar::I16 => "int16",
        Scalar::I32 => "int32",
        Scalar::I64 => "int64",
        Scalar::F32 => "float32",
        Scalar::F64 => "float64",
    }
}

impl Description {
    /// The name of the element's type in ROS: `md/msg/Tick` of `md.Tick/2`, `ipc/msg/F32_16` of an array.
    #[must_use]
    pub fn ros_name(&self) -> String {
        let (package, name) = self.ros_names(0);
        format!("{package}/msg/{name}")
    }

    /// The definition of the element's type, followed by those of the types in it. The four bytes 0, 1, 0, 0
    /// followed by the bytes of an element are its message in CDR.
    ///
    /// Arrays of arrays become one array, as ROS has no nested ones. Versions and the case of names are lost.
    ///
    /// # Errors
    /// [`RosError`].
    pub fn ros_definition(&self) -> Result<String, RosError> {
        if !self.is_naturally_aligned() {
            return Err(RosError::Unaligned);
        }
        let mut names = HashSet::new();
        let mut text = String::new();
        for (number, each) in self.types().iter().enumerate() {
            let (package, name) = self.ros_names(number);
            let name = format!("{package}/{name}");
            if number > 0 {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}\nMSG: {name}", "=".repeat(80));
            }
            if !names.insert(name.clone()) {
                return Err(RosError::Name { name });
            }
            for field in each.fields() {
                let base = match field.base() {
                    Base::Scalar(scalar) => ros_type(scalar).to_owned(),
                    Base::Struct(index) => {
                        let (package, name) = self.ros_names(index);
                        format!("{package}/{name}")
                    }
                };
                let length = match field.dimensions() {
                    [] => String::new(),
                    _ => format!("[{}]", field.items()),
                };
                let _ = writeln!(text, "{base}{length} {}", field.name());
            }
        }
        Ok(text)
    }

    /// Package and name: the part before the last dot, with `_` for other dots, and the part after it.
    fn ros_names(&self, number: usize) -> (String, String) {
        let each = &self.types()[number];
        let full = if number == 0 && self.is_bare() { each.name() } else { each.base_name() };
        let (package, name) = match full.rsplit_once('.') {
            Some((package, name)) if !self.is_bare() || number > 0 => (package, name),
            _ => ("ipc", full),
        };
        let mut word = String::new();
        for c in name.chars().filter(|c| *c != ']') {
            match c {
                c if word.is_empty() => word.push(c.to_ascii_uppercase()),
                c if c.is_ascii_alphanumeric() || c == '_' => word.push(c),
                _ => word.push('_'),
            }
        }
        (package.replace('.', "_").to_ascii_lowercase(), word)
    }
}
