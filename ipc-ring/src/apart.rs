//! A rare result kept apart from a frequent one.

/// The result of a call that is not inlined, taken to pieces and put together again.
///
/// Otherwise the compiler keeps one place in memory for this result and for the plain success that it stands
/// beside, and that place, large enough for any error, is written and read with each message: a dozen
/// instructions.
#[inline(always)]
#[expect(clippy::needless_match, reason = "the compiler needs it")]
pub(crate) fn apart<T, E>(result: Result<T, E>) -> Result<T, E> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(error),
    }
}
