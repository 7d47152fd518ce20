//! Message sizes that are known when compiled: rings are typed by their message, and a copy of known length
//! is cheaper.

use crate::process::Failure;

/// The sizes built in, in bytes.
pub(super) const BUILT_IN: &[usize] =
    &[8, 16, 32, 56, 64, 112, 128, 256, 512, 1024, 2048, 4096, 16384, 65536];

/// Refuses a size that is not built in.
pub(super) fn check(size: usize) -> Result<(), Failure> {
    if BUILT_IN.contains(&size) {
        return Ok(());
    }
    let sizes: Vec<_> = BUILT_IN.iter().map(ToString::to_string).collect();
    Err(Failure::Unavailable(format!("size {size} is not built in; there are {}", sizes.join(", "))))
}

/// The sizes built in where there are fewer, for a shorter build.
pub(super) const FEW: &[usize] = &[8, 16, 32, 56, 64, 128, 256, 1024, 4096];

/// Refuses a size that is not among the few.
pub(super) fn check_few(size: usize) -> Result<(), Failure> {
    if FEW.contains(&size) {
        return Ok(());
    }
    let sizes: Vec<_> = FEW.iter().map(ToString::to_string).collect();
    Err(Failure::Unavailable(format!("size {size} is not built in; there are {}", sizes.join(", "))))
}

/// Evaluates `$body` with the constant `$n` equal to `$size`; `one line:` for the sizes up to a cache line
/// only, `less than a line:` without the last of them, `few:` for the few.
macro_rules! sized {
    ($size:expr, $n:ident => $body:expr) => {
        $crate::mechanism::sizes::sized!(@each $size, $n => $body;
            8 16 32 56 64 112 128 256 512 1024 2048 4096 16384 65536)
    };
    (one line: $size:expr, $n:ident => $body:expr) => {
        $crate::mechanism::sizes::sized!(@each $size, $n => $body; 8 16 32 56 64)
    };
    (less than a line: $size:expr, $n:ident => $body:expr) => {
        $crate::mechanism::sizes::sized!(@each $size, $n => $body; 8 16 32 56)
    };
    (few: $size:expr, $n:ident => $body:expr) => {
        $crate::mechanism::sizes::sized!(@each $size, $n => $body; 8 16 32 56 64 128 256 1024 4096)
    };
    (@each $size:expr, $n:ident => $body:expr; $($value:literal)*) => {
        match $size {
            $($value => {
                const $n: usize = $value;
                $body
            })*
            other => {
                $crate::mechanism::sizes::check(other)?;
                Err($crate::process::Failure::Failed("the lists of sizes disagree".into()))
            }
        }
    };
}

pub(super) use sized;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_agree() {
        fn constant(size: usize) -> Result<usize, Failure> {
            sized!(size, N => Ok(N))
        }
        for size in BUILT_IN {
            assert_eq!(constant(*size), Ok(*size));
        }
        assert!(constant(9).is_err());
        fn one_of_few(size: usize) -> Result<usize, Failure> {
            sized!(few: size, N => Ok(N))
        }
        for size in FEW {
            assert_eq!(one_of_few(*size), Ok(*size));
            assert_eq!(check_few(*size), Ok(()));
        }
        assert!(one_of_few(512).is_err() && check_few(512).is_err());
    }
}
