//! Processes that are killed at every step of creating, joining, leaving and removing a domain, and joins
//! that the kernel refuses. `gc` knows every object that is left, and explains it; the next one that opens
//! the domain uses it; in either case nothing is left.

mod common;

use std::sync::atomic::Ordering;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::SharedMemory;
use ipc_core::{ErrorKind, Key};
use ipc_ring::gc::{Finding, Verdict, What, examine};
use ipc_ring::platform::Site;
use ipc_ring::{AttachError, AttachErrorKind, Domain, fault};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Where a process may die, and the segments and sets left then.
const SITES: [(Site, usize, usize); 12] = [
    (Site::DomainSetMade, 0, 1),
    (Site::DomainSetMarked, 0, 1),
    (Site::DomainImageMade, 1, 1),
    (Site::DomainImageAttached, 1, 1),
    (Site::DomainLocked, 0, 1),
    (Site::DomainTablesMade, 1, 1),
    (Site::DomainTablesCleared, 1, 1),
    (Site::DomainSlotNamed, 1, 1),
    (Site::DomainSlotRaised, 1, 1),
    (Site::DomainSlotTaken, 1, 1),
    (Site::DomainLeft, 1, 1),
    (Site::DomainTablesRemoved, 0, 1),
];
const ROUNDS: usize = 5;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["come and go", domain, site] => {
            let site = Site::ALL.into_iter().find(|known| format!("{known:?}") == site).unwrap();
            fault::arm(site, 0);
            drop(Domain::open(domain).unwrap());
            say("alive");
        }
        ["stop under the lock", domain, site] => {
            let site = Site::ALL.into_iter().find(|known| format!("{known:?}") == site).unwrap();
            fault::arm_stop(site, 0);
            let refused = Domain::open(domain).unwrap_err();
            say(&format!("{:?}", refused.kind()));
        }
        ["again and again", domain] => {
            say("begins");
            loop {
                drop(Domain::open(domain).unwrap());
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn killed_at(site: Site, domain: &str) {
    let mut child = Role::start("come and go", &[domain, &format!("{site:?}")]);
    assert_eq!(child.hear_or_end(), None, "it does not pass {site:?}");
    child.wait_killed();
}

/// The identifiers that findings name, in the form of /proc.
fn named(findings: &[Finding]) -> (Vec<String>, Vec<String>) {
    let segments = findings.iter().filter_map(|finding| finding.segment).map(|id| id.to_string()).collect();
    let sets = findings.iter().filter_map(|finding| finding.semaphores).map(|id| id.to_string()).collect();
    (segments, sets)
}

#[test]
fn whatever_is_left_is_found_explained_and_removed() {
    private_namespace();
    let before = kernel_objects();
    for _ in 0..ROUNDS {
        for (site, segments, sets) in SITES {
            killed_at(site, &unique("killed"));
            let left = kernel_objects();
            assert_eq!((left.0.len(), left.1.len()), (segments, sets), "{site:?}");
            let findings = examine().unwrap();
            let (named_segments, named_sets) = named(&findings);
            assert_eq!(named_segments.len(), segments, "{site:?}: {findings:?}");
            // A segment that represents a program, and leads to no domain.
            let images = findings.iter().take_while(|finding| finding.what == What::Unmarked).count();
            let is_image = [Site::DomainImageMade, Site::DomainImageAttached].contains(&site);
            assert_eq!(images, usize::from(is_image), "{site:?}: {findings:?}");
            for image in &findings[..images] {
                assert_eq!(image.verdict, Verdict::Abandoned, "{site:?}: {image}");
                assert!(image.remove().unwrap(), "{site:?}: {image}");
            }
            let [finding] = &findings[images..] else { panic!("{site:?}: {findings:?}") };
            // A whole domain is named by its segment.
            match &finding.what {
                What::Domain { alive, .. } => assert_eq!((*alive, named_sets.len()), (0, 0), "{finding}"),
                What::HalfDomain { .. } => assert_eq!(named_sets.len(), 1, "{finding}"),
                other => panic!("{other:?}"),
            }
            let expected = if site == Site::DomainSetMade { Verdict::Kept } else { Verdict::Abandoned };
            assert_eq!(finding.verdict, expected, "{site:?}: {finding}");
            assert!(finding.remove().unwrap(), "{site:?}: {finding}");
            assert_eq!(kernel_objects(), before, "{site:?}");
            assert!(!finding.remove().unwrap(), "there is nothing any more");
        }
    }
}

#[test]
fn the_next_one_uses_what_is_left() {
    private_namespace();
    let before = kernel_objects();
    for _ in 0..ROUNDS {
        for (site, ..) in SITES {
            let name = unique("next");
            killed_at(site, &name);
            // Killed also while working on what was left.
            for (again, ..) in SITES {
                if again != Site::DomainSetMade && again != Site::DomainTablesMade {
                    let mut child = Role::start("come and go", &[&name, &format!("{again:?}")]);
                    let _ = child.hear_or_end();
                }
            }
            let domain = Domain::open(&name).unwrap();
            assert!(examine().unwrap().iter().all(|finding| finding.verdict == Verdict::InUse), "{site:?}");
            assert!(examine().unwrap().iter().all(|finding| !finding.remove().unwrap()), "{site:?}");
            assert!(domain.list().unwrap().names.is_empty());
            drop(domain);
            assert_eq!(kernel_objects(), before, "{site:?}");
        }
    }
}

#[test]
fn kills_at_any_moment_leave_only_what_is_found() {
    private_namespace();
    let before = kernel_objects();
    let mut left = 0;
    for round in 0..200 {
        let name = unique("moment");
        let mut child = Role::start("again and again", &[&name]);
        assert_eq!(child.hear(), "begins");
        std::thread::sleep(std::time::Duration::from_micros(round * 37 % 2000));
        child.kill();
        let findings = examine().unwrap();
        left += usize::from(kernel_objects() != before);
        assert_eq!(findings.is_empty(), kernel_objects() == before, "{findings:?}");
        for finding in findings {
            assert!(finding.remove().unwrap(), "{finding}");
        }
        assert_eq!(kernel_objects(), before);
    }
    assert!(left > 20, "only {left} of 200 kills left something: not many hit a domain");
}

#[test]
fn joins_that_fail_leave_nothing() {
    private_namespace();
    const SEGMENTS: &str = "/proc/sys/kernel/shmmni";
    let before = kernel_objects();
    let Ok(setting) = std::fs::read_to_string(SEGMENTS) else { panic!("{SEGMENTS} cannot be read") };
    if std::fs::write(SEGMENTS, "0").is_err() {
        return common::skip(common::Need::Sysctl, SEGMENTS);
    }
    for _ in 0..10 {
        match Domain::open(&unique("refused")).map_err(AttachError::into_kind) {
            Err(AttachErrorKind::System(error)) => {
                assert!(matches!(error.kind(), ErrorKind::LimitReached(_)), "{error}")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(kernel_objects(), before);
    }
    // What another process left half-made is removed by the next join that fails.
    let name = unique("refused-later");
    killed_at(Site::DomainSetMarked, &name);
    assert_eq!(kernel_objects().1.len(), 1);
    assert!(Domain::open(&name).is_err());
    assert_eq!(kernel_objects(), before);
    std::fs::write(SEGMENTS, setting).unwrap();
    drop(Domain::open(&name).unwrap());
    assert_eq!(kernel_objects(), before);
}

/// A process stopped in a join with the lock.
fn stopped_at(site: Site, domain: &str) -> Role {
    let child = Role::start("stop under the lock", &[domain, &format!("{site:?}")]);
    let pid = Pid::from_raw(child.pid() as i32);
    let status = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(status, WaitStatus::Stopped(..)), "{site:?}: {status:?}");
    child
}

/// The last member leaves while a process has the lock that then cannot join. No process takes the lock
/// again.
#[test]
fn a_join_that_fails_clears_up_behind_those_who_left_meanwhile() {
    private_namespace();
    const SEGMENTS: &str = "/proc/sys/kernel/shmmni";
    let before = kernel_objects();
    let setting = std::fs::read_to_string(SEGMENTS).unwrap();
    if !before.0.is_empty() || std::fs::write(SEGMENTS, &setting).is_err() {
        return common::skip(common::Need::Sysctl, SEGMENTS);
    }
    for _ in 0..ROUNDS {
        // No segment for its image: it has the lock without having identified itself.
        let name = unique("no-image");
        let domain = Domain::open(&name).unwrap();
        std::fs::write(SEGMENTS, kernel_objects().0.len().to_string()).unwrap();
        let mut child = stopped_at(Site::DomainLocked, &name);
        std::fs::write(SEGMENTS, &setting).unwrap();
        drop(domain);
        assert_eq!(kernel_objects().1.len(), 1, "it left without the lock");
        kill(Pid::from_raw(child.pid() as i32), Signal::SIGCONT).unwrap();
        assert!(child.hear().starts_with("System"));
        child.finish();
        assert_eq!(kernel_objects(), before);

        // No slot for it: all tokens are raised, none by a program that is known to be gone.
        let name = unique("no-slot");
        let domain = Domain::open(&name).unwrap();
        let mut child = stopped_at(Site::DomainTablesMade, &name);
        drop(domain);
        let sets = ipc_core::list::sets().unwrap();
        let [(set, _)] = sets[..] else { panic!("one domain: {sets:?}") };
        let set = SemaphoreSet::from_id(set);
        const FIRST_IMAGE: usize = 0x100 + 24;
        let segments = ipc_core::list::segments().unwrap();
        let tables = segments.iter().find(|(_, stat)| stat.permissions().key() != Key::PRIVATE).unwrap().0;
        let tables = SharedMemory::from_id(tables).attach().unwrap();
        tables.atomic_u64(FIRST_IMAGE).unwrap().store(0, Ordering::SeqCst);
        drop(tables);
        let tokens = (4..1284).step_by(5);
        tokens.for_each(|token| set.set_value(token, 1).unwrap());
        kill(Pid::from_raw(child.pid() as i32), Signal::SIGCONT).unwrap();
        let said = child.hear();
        assert!(said.starts_with("DomainFull"), "{said}");
        child.finish();
        assert_eq!(kernel_objects(), before);
    }
}

#[test]
fn a_join_that_fails_takes_nothing_from_others() {
    private_namespace();
    let domain = Domain::open(&unique("whole")).unwrap();
    let whole = kernel_objects();
    // Another program's segment under a domain's key: the set is removed, the segment is not.
    let name = unique("taken");
    let key = {
        let other = Domain::open(&name).unwrap();
        let key = ipc_core::list::segments()
            .unwrap()
            .into_iter()
            .map(|(_, stat)| stat.permissions().key())
            .find(|key| !whole.0.iter().any(|line| line.starts_with(&key.as_raw().to_string())))
            .unwrap();
        drop(other);
        key
    };
    let options = ipc_core::shm::Options::default();
    let foreign = ipc_core::shm::SharedMemory::create_new(key, 1 << 20, &options).unwrap();
    let with_foreign = kernel_objects();
    for _ in 0..3 {
        assert!(Domain::open(&name).is_err());
        assert_eq!(kernel_objects(), with_foreign);
    }
    foreign.remove().unwrap();
    drop(Domain::open(&name).unwrap());
    assert_eq!(kernel_objects(), whole);
    assert!(domain.list().is_ok());
}

#[test]
fn sets_of_other_programs_are_no_findings() {
    private_namespace();
    use ipc_core::sem::{Op, SemaphoreSet};
    use ipc_core::{Key, Mode};
    // As many semaphores as a domain has, but used; one less; and one with another mark.
    let used = SemaphoreSet::create_new(Key::random().unwrap(), 1284, Mode::PRIVATE).unwrap();
    used.perform(&[Op::add(5, 1)]).unwrap();
    used.perform(&[Op::take(5, 1)]).unwrap();
    let fewer = SemaphoreSet::create_new(Key::random().unwrap(), 1283, Mode::PRIVATE).unwrap();
    let other = SemaphoreSet::create_new(Key::random().unwrap(), 1284, Mode::PRIVATE).unwrap();
    other.perform(&[Op::add(1, 7)]).unwrap();
    assert_eq!(examine().unwrap(), vec![]);
    for set in [used, fewer, other] {
        set.remove().unwrap();
    }
}
