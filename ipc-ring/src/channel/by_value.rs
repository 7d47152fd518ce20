//! Popping a message by value without a copy that only the language asks for.
//!
//! A message of up to a few registers need not be in memory at all ([`copy`](crate::copy)): it is popped in
//! the caller's frame, to a variable whose address no call is given. The calls for everything else have
//! variables of their own. A longer message is written by a call that cannot fail and keeps no pointer to its
//! place, directly followed by the move of the place into the result: so the compiler passes the call the
//! result's place in place of the variable.

/// Returns the next message, or what `$slowly` returns, with the message in `$place`; `$found` is what was
/// found instead. `$core` is a [`Pop`](super::kind::Pop) of `$item`.
macro_rules! pop_by_value {
    ($core:expr, $item:ty, |$found:ident, $place:ident| $slowly:expr) => {{
        let mut place = MaybeUninit::uninit();
        let $found = if size_of::<$item>() <= crate::copy::IN_REGISTERS {
            match $core.take_ready(&mut place) {
                // SAFETY: `Pop` promises that every byte was written.
                Ok(()) => return Ok(unsafe { place.assume_init() }),
                Err(other) => other,
            }
        } else {
            match $core.claim_ready() {
                Ok(claimed) => {
                    $core.take_claimed(claimed, &mut place);
                    // SAFETY: as above; it was claimed just now.
                    return Ok(unsafe { place.assume_init() });
                }
                Err(other) => other,
            }
        };
        let mut $place = MaybeUninit::uninit();
        match $slowly {
            // SAFETY: `$slowly` returns what a method of `Pop` returned: every byte was written.
            Ok(()) => Ok(unsafe { $place.assume_init() }),
            Err(error) => Err(error),
        }
    }};
}

pub(super) use pop_by_value;
