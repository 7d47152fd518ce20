//! What other projects keep in the file system: named after the round, so that the parent can remove it
//! whatever happens to the workers.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::mechanism::Resources;
use crate::mechanism::sizes::check_few;
use crate::process::{Failure, Job, Object, Plan, Registered};

static ROUND: AtomicU32 = AtomicU32::new(0);

/// As `resources`, for messages of a size that is known when compiled.
pub(super) fn prepare(plan: &Plan) -> Result<Resources, Failure> {
    check_few(plan.size)?;
    resources(plan)
}

/// What one round of a peer between processes needs: a name for its files, under the janitor's care.
pub(super) fn resources(plan: &Plan) -> Result<Resources, Failure> {
    // Relaxed: only the number matters.
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    Ok(Resources {
        numbers: vec![i64::from(std::process::id()), i64::from(round)],
        capacity: Some(plan.slots.next_power_of_two() as u64),
        keep: vec![Box::new(Registered::new(Object::Files(round))?)],
        ..Resources::default()
    })
}

/// The name that all files of the job's round begin with.
///
/// # Errors
/// The parent passed no numbers.
pub(super) fn name(job: &Job) -> Result<String, Failure> {
    match job.numbers[..] {
        [parent, round] => Ok(Object::files_name(parent, round)),
        _ => Err(Failure::Failed("the parent passed no name".into())),
    }
}
