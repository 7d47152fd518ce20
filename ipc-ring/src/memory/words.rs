//! The table of a ring's words, from which everything else about them is derived.

/// One field of a ring's memory: a word, or a range of bytes that another table describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the start of the memory, or of the entry that the table describes.
    pub offset: usize,
    /// Its size in bytes: 8 or 4 for a word. 0 for a field that extends to the end of the memory.
    pub size: usize,
    /// Its name, in the code and in `docs/layout.md`.
    pub name: &'static str,
    /// What depends on it.
    pub role: Role,
    /// Which side writes it and when, as in `docs/layout.md`.
    pub writer: &'static str,
}

/// What depends on a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "words of the table")]
pub enum Role {
    /// The algorithm's correctness: a model checker watches each access.
    protocol,
    /// Only speed.
    hint,
    /// Only statistics.
    counter,
    /// A range of bytes with a table of its own, or with payloads.
    area,
}

impl Field {
    /// Whether it is a single word.
    #[must_use]
    pub const fn is_word(&self) -> bool {
        !matches!(self.role, Role::area)
    }

    /// Checks a table at compile time: fields in order, without overlaps, words aligned.
    pub(crate) const fn check(fields: &[Field], start: usize) {
        let (mut at, mut end) = (0, start);
        while at < fields.len() {
            let Field { offset, size, .. } = fields[at];
            assert!(offset >= end, "fields lie one behind the other");
            if fields[at].is_word() {
                assert!((size == 8 || size == 4) && offset.is_multiple_of(size), "a word is aligned");
            } else {
                assert!(offset.is_multiple_of(8), "an area begins at a multiple of 8");
            }
            end = offset + size;
            at += 1;
        }
    }
}

/// Makes constants, a table and a trait with an accessor for each word of
///
/// ```text
/// /// What it is for.
/// OFFSET TYPE CONSTANT name: role, "which side writes it and when";
/// ```
///
/// where the type is `u64`, `u32`, `[bytes]`, or `rest` for a field that extends to the end of the memory.
/// Areas have no accessor.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $vis:vis trait $Words:ident: $Base:path;
        $(#[$table_doc:meta])*
        const $TABLE:ident from $start:expr;
        $( $(#[$what:meta])* $offset:literal $type:tt $NAME:ident $name:ident: $role:ident, $writer:literal; )*
    ) => {
        $( $(#[$what])* pub(crate) const $NAME: usize = $offset; )*

        $(#[$table_doc])*
        pub const $TABLE: &[$crate::memory::Field] = &[$(
            $crate::memory::Field {
                offset: $NAME,
                size: $crate::memory::words!(@size $type),
                name: stringify!($name),
                role: $crate::memory::Role::$role,
                writer: $writer,
            },
        )*];

        const _: () = $crate::memory::Field::check($TABLE, $start);

        $(#[$doc])*
        ///
        /// # Safety
        /// The memory is that of such a ring: it contains all fields of the table.
        $vis unsafe trait $Words: $Base {
            $( $crate::memory::words!(@accessor $type $NAME $name $(#[$what])*); )*
        }
    };
    (@size u64) => { 8 };
    (@size u32) => { 4 };
    (@size rest) => { 0 };
    (@size [$bytes:expr]) => { $bytes };
    (@accessor u64 $NAME:ident $name:ident $(#[$what:meta])*) => {
        $(#[$what])*
        #[inline(always)]
        fn $name(&self) -> &<Self::Platform as $crate::platform::Platform>::U64 {
            // SAFETY: a word of this ring's table, aligned as `Field::check` has checked.
            unsafe { self.u64_at($NAME) }
        }
    };
    (@accessor u32 $NAME:ident $name:ident $(#[$what:meta])*) => {
        $(#[$what])*
        #[inline(always)]
        fn $name(&self) -> &<Self::Platform as $crate::platform::Platform>::U32 {
            // SAFETY: a word of this ring's table, aligned as `Field::check` has checked.
            unsafe { self.u32_at($NAME) }
        }
    };
    (@accessor $type:tt $NAME:ident $name:ident $(#[$what:meta])*) => {};
}
pub(crate) use words;

/// As `words!`, for the words of the entries of a table: `count` entries, `stride` bytes apart, from an
/// offset on. An accessor takes an entry's number.
macro_rules! entries {
    (
        $(#[$doc:meta])*
        $vis:vis trait $Entries:ident: $Base:path;
        $(#[$table_doc:meta])*
        const $TABLE:ident of $first:ident, stride $stride:ident, |$memory:ident, $number:ident: $Number:ty| $exists:expr;
        $( $(#[$what:meta])* $offset:literal $type:tt $NAME:ident $name:ident: $role:ident, $writer:literal; )*
    ) => {
        $( $(#[$what])* pub(crate) const $NAME: usize = $offset; )*

        $(#[$table_doc])*
        pub const $TABLE: &[$crate::memory::Field] = &[$(
            $crate::memory::Field {
                offset: $NAME,
                size: $crate::memory::words!(@size $type),
                name: stringify!($name),
                role: $crate::memory::Role::$role,
                writer: $writer,
            },
        )*];

        const _: () = $crate::memory::Field::check($TABLE, 0);

        $(#[$doc])*
        ///
        /// # Safety
        /// The memory is that of such a ring: it contains all entries of the table.
        $vis unsafe trait $Entries: $Base {
            $( $crate::memory::entries!(
                @accessor $type $NAME $name $first $stride |$memory, $number: $Number| $exists;
                $(#[$what])*
            ); )*
        }
    };
    (
        @accessor u64 $NAME:ident $name:ident $first:ident $stride:ident
        |$memory:ident, $number:ident: $Number:ty| $exists:expr;
        $(#[$what:meta])*
    ) => {
        $(#[$what])*
        ///
        /// # Panics
        /// If there is no such entry.
        #[inline(always)]
        fn $name(&self, $number: $Number) -> &<Self::Platform as $crate::platform::Platform>::U64 {
            let $memory = self;
            assert!($exists, "a number is checked before it is used");
            // SAFETY: a word of an entry that exists, aligned as `Field::check` has checked, the stride being
            // a multiple of 128.
            unsafe { self.u64_at($first + $number as usize * $stride + $NAME) }
        }
    };
    (@accessor $type:tt $($rest:tt)*) => {};
}
pub(crate) use entries;
