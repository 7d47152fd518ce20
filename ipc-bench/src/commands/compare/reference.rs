//! The change of the machine itself between the two files, judged by the mechanisms that a change of this
//! project cannot affect: floors, the kernel's, other projects'.

use super::statistics::median;
use super::{Pair, same_machine};
use crate::mechanism::{self, Kind};
use crate::result::{Results, Row};
use crate::rule::Rule;

/// The change, as a part, of the one that moved furthest to the bad side among the rows that measured the
/// same with other mechanisms that cannot have changed: those that waited in the same way, or all where there
/// are none. None without any.
pub(super) fn change(pairs: &[Pair<'_>], row: &Row, rule: Rule) -> Option<f64> {
    let alike = |other: &Row, wait: bool| {
        other.workload == row.workload
            && (!wait || other.wait == row.wait)
            && other.mechanism != row.mechanism
            && is_reference(&other.mechanism)
    };
    let furthest = |wait: bool| {
        let others = pairs.iter().filter(|pair| alike(pair.new, wait));
        let changes = others.filter_map(|pair| {
            let (old, new) = (rule.metric().of_rounds(pair.old), rule.metric().of_rounds(pair.new));
            Some(median(&new)? / median(&old)? - 1.0)
        });
        changes.reduce(|one, other| if rule.is_worse(other, one) { other } else { one })
    };
    furthest(true).or_else(|| furthest(false))
}

/// Whether the unchanged rows of the two files are comparable: both are from the same machine.
pub(super) fn usable(before: &Results, after: &Results) -> bool {
    same_machine(before, after).is_empty()
}

/// A mechanism that this build does not know is another project's.
fn is_reference(name: &str) -> bool {
    mechanism::find(name).is_none_or(|mechanism| !matches!(mechanism.kind(), Kind::Ring | Kind::Check))
}
