//! Which types may be sent, and how two processes check that they use the same one.

use core::any::type_name;
use core::fmt;

use ipc_describe::{Description, Fnv};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Geometry, MAX_CAPACITY};

/// A value that can be moved through shared memory as its bytes.
///
/// Implemented for every type that has zerocopy's three properties, which are what makes it sound:
///
/// - [`FromBytes`]: any bytes a peer may have written are a value, so nothing has to be trusted;
/// - [`IntoBytes`]: no padding, so no uninitialised byte is read or leaked;
/// - [`Immutable`]: no interior mutability, so a shared copy cannot change behind a reference.
///
/// A type with a `bool`, an `enum`, a `String` or a reference inside does not qualify: send a `u8` or another
/// raw form and check it on arrival, text as `[u8; N]` with a length or through [`bytes`](crate::bytes),
/// large data through a [`pool`](crate::pool).
///
/// The traits and their derives come from `zerocopy`, which is re-exported, so that no dependency besides
/// this crate is needed:
///
/// ```
/// use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
/// #[zerocopy(crate = "ipc_ring::zerocopy")]
/// #[repr(C)]
/// struct Tick { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
///
/// fn travels<T: ipc_ring::Message>() {}
/// travels::<Tick>();
/// travels::<[f32; 16]>();
/// ```
/// ```compile_fail,E0277
/// # fn travels<T: ipc_ring::Message>() {}
/// travels::<bool>(); // The error says what to send in its place.
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel through shared memory as its bytes",
    label = "this type is no `Message`",
    note = "derive `Clone`, `Copy` and zerocopy's `FromBytes`, `IntoBytes` and `Immutable` (re-exported as `ipc_ring::zerocopy`) on a \
            `#[repr(C)]` struct without padding",
    note = "in place of `bool` send a `u8`, in place of an `enum` its number, in place of `String` or `Vec` a `[u8; N]` with a length, \
            frames through `ipc_ring::bytes`, or a block of an `ipc_ring::pool`"
)]
pub trait Message: FromBytes + IntoBytes + Immutable + Copy + Send + 'static {}

// Makes an error name `Message`, whose text says what to do, and not the first of these bounds that is
// missing.
#[diagnostic::do_not_recommend]
impl<T: FromBytes + IntoBytes + Immutable + Copy + Send + 'static> Message for T {}

/// The largest message a slot holds, in bytes. Larger ones belong in a pool.
pub const MAX_MESSAGE_SIZE: usize = 64 * 1024;

/// The identity of an element type, as written in a ring's header: size, alignment and name.
///
/// The name is the type's own, without its module path, so that two programs may each declare it; or a name
/// and version of the user's choosing ([`Fingerprint::named`]). It guards against mistakes, not against
/// malice: soundness rests on [`Message`] alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of `T` under its own name.
    ///
    /// ```
    /// use ipc_ring::Fingerprint;
    /// assert_eq!(Fingerprint::of::<u64>(), Fingerprint::of::<u64>());
    /// assert_ne!(Fingerprint::of::<u64>(), Fingerprint::of::<i64>());
    /// ```
    #[must_use]
    pub fn of<T: Message>() -> Self {
        Self::named::<T>(&short_name(type_name::<T>()))
    }

    /// The fingerprint of `T` under a name that both sides agree on, such as `"md.Tick/2"`.
    #[must_use]
    pub fn named<T: Message>(name: &str) -> Self {
        Self::of_parts(size_of::<T>(), align_of::<T>(), name)
    }

    fn of_parts(size: usize, align: usize, name: &str) -> Self {
        Self(ipc_describe::fingerprint(size as u64, align as u64, name))
    }

    /// The fingerprint of a request's and a reply's type together.
    pub(crate) fn of_call(types: [Self; 2]) -> Self {
        let mut hash = Fnv::new();
        for each in types {
            hash.write(&each.0.to_le_bytes());
        }
        Self(hash.finish())
    }

    /// The fingerprint of the described type, under its described name.
    ///
    /// ```
    /// use ipc_ring::Fingerprint;
    /// use ipc_ring::describe::Description;
    ///
    /// assert_eq!(Fingerprint::described(&Description::of::<u64>()?), Fingerprint::of::<u64>());
    /// # Ok::<(), ipc_ring::describe::Problem>(())
    /// ```
    #[must_use]
    pub fn described(description: &Description) -> Self {
        Self(description.fingerprint())
    }

    /// From the two halves in a header.
    #[must_use]
    pub const fn from_halves(low: u64, high: u64) -> Self {
        Self(((high as u128) << 64) | low as u128)
    }

    /// The two halves, low first, as a header holds them.
    #[must_use]
    pub const fn halves(self) -> (u64, u64) {
        (self.0 as u64, (self.0 >> 64) as u64)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:032x})", self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The type of an element that is not a Rust type of this program: size, alignment and name, as its
/// [`Fingerprint`] has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementType {
    size: usize,
    align: usize,
    name: String,
}

impl ElementType {
    /// An element of `size` bytes, aligned to `align` bytes, with the name of [`Fingerprint::named`], or the
    /// type's own name without its module path.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) if the size is 0 or above [`MAX_MESSAGE_SIZE`], or the
    /// alignment is not a power of two, or above that of a cache line, or the size is not a multiple of it.
    pub fn new(size: usize, align: usize, name: &str) -> Result<Self, AttachError> {
        let element = Self { size, align, name: name.to_owned() };
        if !size.is_multiple_of(align.max(1)) {
            return Err(
                AttachErrorKind::TooLarge { capacity: 1, most: MAX_CAPACITY, element_size: size }.into()
            );
        }
        element.geometry(1, 0)?;
        Ok(element)
    }

    /// The described type. Its size may be more than a slot holds, which making a ring reports.
    #[must_use]
    pub fn described(description: &Description) -> Self {
        let element = description.element();
        Self {
            size: element.size() as usize,
            align: element.align() as usize,
            name: element.name().to_owned(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size of an element, in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The alignment of an element, in bytes.
    #[must_use]
    pub const fn align(&self) -> usize {
        self.align
    }

    /// The fingerprint of a Rust type with this size, alignment and name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_parts(self.size, self.align, &self.name)
    }

    /// The geometry of a ring with `capacity` slots for such elements from `slots_offset` on.
    pub(crate) fn geometry(&self, capacity: u64, slots_offset: usize) -> Result<Geometry, AttachError> {
        let Self { size, align, .. } = *self;
        Some(capacity)
            .filter(|_| size <= MAX_MESSAGE_SIZE)
            .and_then(|capacity| Geometry::new(capacity, size, align, slots_offset))
            .ok_or_else(|| {
                AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: size }.into()
            })
    }
}

/// A type's name without module paths: `a::b::Pair<c::Left, u8>` becomes `Pair<Left,u8>`.
pub(crate) fn short_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut word_start = 0;
    let mut characters = full.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            ':' if characters.peek() == Some(&':') => {
                characters.next();
                short.truncate(word_start);
            }
            ' ' => {}
            c => {
                short.push(c);
                if !(c.is_alphanumeric() || c == '_') {
                    word_start = short.len();
                }
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_modules_at_every_level() {
        assert_eq!(short_name("u64"), "u64");
        assert_eq!(short_name("a::b::Tick"), "Tick");
        assert_eq!(short_name("a::Pair<b::c::Left, [d::Right; 4]>"), "Pair<Left,[Right;4]>");
    }

    #[test]
    fn size_alignment_and_name_all_count() {
        let plain = Fingerprint::of::<u64>();
        assert_ne!(plain, Fingerprint::of::<u32>());
        assert_ne!(plain, Fingerprint::of::<i64>());
        assert_ne!(plain, Fingerprint::of::<[u8; 8]>());
        assert_ne!(plain, Fingerprint::named::<u64>("price"));
        let (low, high) = plain.halves();
        assert_eq!(plain, Fingerprint::from_halves(low, high));
    }
}
