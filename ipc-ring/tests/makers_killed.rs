//! A process is killed while it makes the segment of a channel, at every step. The next holder of the lock
//! removes what is left, in whatever PID namespace it lives; if the kernel denies that, the next process with
//! the right does it, and meanwhile `gc` reports it.

mod common;
mod kinds;
mod spsc_common;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::{Mode, Trust};
use ipc_ring::gc::{Verdict, What, examine};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, WaitStrategy, fault};
use kinds::How;
use nix::sched::{CloneFlags, unshare};

const SITES: [Site; 4] = [
    Site::DomainSegmentNoted,
    Site::DomainSegmentMade,
    Site::DomainSegmentAttached,
    Site::DomainSegmentMarked,
];
/// Those at which there is a segment that nothing marks.
const LEAVES: [Site; 2] = [Site::DomainSegmentMade, Site::DomainSegmentAttached];

/// Three users without rights over each other's objects.
const MAKER: u32 = 60_001;
const OTHER: u32 = 60_002;
const ROOT: u32 = 0;

/// A domain that all users may use.
fn shared(name: &str) -> Domain {
    let mode = Mode::new(0o666).unwrap();
    Domain::open_shared(name, ROOT, mode, Trust::anyone().mode_at_most(mode)).unwrap()
}

fn become_user(uid: u32) {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    if uid != ROOT {
        setgroups(&[]).unwrap();
        setgid(Gid::from_raw(uid)).unwrap();
        setuid(Uid::from_raw(uid)).unwrap();
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", uid, domain, kind, site] => {
            become_user(uid.parse().unwrap());
            let domain = shared(domain);
            let site = Site::ALL.into_iter().find(|known| format!("{known:?}") == site).unwrap();
            fault::arm(site, 0);
            let _ = (kinds::kind(kind).giver)(How::new(&domain, WaitStrategy::Sleep));
            say("alive");
        }
        ["lock", uid, domain] => {
            become_user(uid.parse().unwrap());
            shared(domain).list().unwrap();
            say("had the lock");
        }
        ["elsewhere", domain] => {
            unshare(CloneFlags::CLONE_NEWPID).unwrap();
            let mut child = Role::start("lock", &["0", domain]);
            assert_eq!(child.hear(), "had the lock");
            child.finish();
            say("done");
        }
        ["examine", uid] => {
            become_user(uid.parse().unwrap());
            for finding in examine().unwrap() {
                if let What::Segment { domain } = &finding.what {
                    say(&format!("{domain} {:?} {finding}", finding.verdict));
                }
            }
            say("that is all");
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Makes a channel as this user, and is killed there.
fn killed_at(site: Site, uid: u32, domain: &Domain, kind: &str) {
    let mut maker = Role::start("make", &[&uid.to_string(), domain.name(), kind, &format!("{site:?}")]);
    assert_eq!(maker.hear_or_end(), None, "{kind}: a channel is made without passing {site:?}");
    maker.wait_killed();
}

fn lock_as(uid: u32, domain: &Domain) {
    let mut next = Role::start("lock", &[&uid.to_string(), domain.name()]);
    assert_eq!(next.hear(), "had the lock");
    next.finish();
}

/// What `gc` reports to this user about segments of dead makers.
fn findings(uid: u32) -> Vec<String> {
    let mut child = Role::start("examine", &[&uid.to_string()]);
    let mut all = Vec::new();
    loop {
        match child.hear() {
            said if said == "that is all" => break,
            said => all.push(said),
        }
    }
    child.finish();
    all
}

fn segments() -> usize {
    kernel_objects().0.len()
}

#[test]
fn every_kind_is_made_so_that_the_next_one_finds_it() {
    private_namespace();
    let domain = shared(&unique("kinds"));
    let before = segments();
    for kind in kinds::ALL {
        for site in SITES {
            killed_at(site, ROOT, &domain, kind.name);
            assert_eq!(segments() - before, usize::from(LEAVES.contains(&site)), "{} {site:?}", kind.name);
            domain.list().unwrap();
            assert_eq!(segments(), before, "{} {site:?}", kind.name);
        }
    }
}

#[test]
fn one_of_another_process_namespace_finds_it() {
    private_namespace();
    let domain = shared(&unique("namespace"));
    let before = segments();
    for site in SITES.into_iter().cycle().take(20) {
        killed_at(site, ROOT, &domain, "spsc");
        let mut elsewhere = Role::start("elsewhere", &[domain.name()]);
        assert_eq!(elsewhere.hear(), "done");
        elsewhere.finish();
        assert_eq!(segments(), before, "{site:?}");
    }
}

#[test]
fn what_the_next_one_may_not_remove_waits_for_one_that_may() {
    private_namespace();
    if !nix::unistd::geteuid().is_root() {
        return common::skip(common::Need::Root, "several users are played");
    }
    let domain = shared(&unique("users"));
    let before = segments();
    for round in 0..10 {
        for site in LEAVES {
            killed_at(site, MAKER, &domain, "spsc");
            lock_as(OTHER, &domain);
            lock_as(OTHER, &domain);
            assert_eq!(segments(), before + 1, "{site:?}: the kernel does not let it");
            assert_eq!(findings(OTHER), Vec::<String>::new(), "it is not that user's");
            let told = findings(MAKER);
            let [told] = &told[..] else { panic!("{told:?}") };
            assert!(told.starts_with(&format!("{} Abandoned", domain.name())), "{told}");
            // Another maker dies meanwhile.
            killed_at(site, OTHER, &domain, "mpmc");
            assert_eq!((findings(MAKER).len(), findings(OTHER).len()), (1, 1), "{site:?}");
            if round % 2 == 0 {
                lock_as(MAKER, &domain);
                assert_eq!((segments(), findings(MAKER).len()), (before + 1, 0), "{site:?}");
            }
            lock_as(ROOT, &domain);
            assert_eq!((segments(), findings(OTHER).len()), (before, 0), "{site:?}");
        }
    }
}

#[test]
fn gc_removes_it_for_the_one_that_made_it() {
    private_namespace();
    let domain = shared(&unique("gc"));
    let before = segments();
    for site in LEAVES {
        killed_at(site, ROOT, &domain, "pool");
        let mine = |finding: &ipc_ring::gc::Finding| matches!(finding.what, What::Segment { .. });
        let found: Vec<_> = examine().unwrap().into_iter().filter(mine).collect();
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!(finding.verdict, Verdict::Abandoned);
        assert!(finding.evidence.contains("died"), "{finding}");
        assert!(finding.remove().unwrap());
        assert_eq!(segments(), before);
        assert!(!finding.remove().unwrap(), "there is nothing any more");
    }
}
