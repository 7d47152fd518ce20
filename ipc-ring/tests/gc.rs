//! What is left when all processes are killed is found, explained and removed; what is in use is not touched.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, RemoveOnDrop};
use ipc_ring::gc::{Verdict, What, examine};
use ipc_ring::{Domain, Lifetime, spsc};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    if arguments == ["make"] {
        // The state left by a maker that is killed before it marks the segment.
        let memory = SharedMemory::create_new(Key::PRIVATE, 1 << 20, &Options::default()).unwrap();
        say(&memory.id().as_raw().to_string());
        std::thread::sleep(Duration::from_secs(100));
    }
    let ["hold", domain, lifetime] = arguments[..] else { panic!("no such role: {arguments:?}") };
    let lifetime = if lifetime == "persistent" { Lifetime::Persistent } else { Lifetime::Ephemeral };
    let channel = spsc::Builder::<u64>::new("held").domain(&Domain::open(domain).unwrap()).lifetime(lifetime);
    let mut producer = channel.create_sender().unwrap();
    producer.push(1).unwrap();
    say("holding");
    std::thread::sleep(Duration::from_secs(100));
}

#[test]
fn a_domain_whose_members_were_killed_is_removed_and_one_with_a_member_is_not() {
    private_namespace();
    let name = unique("gc-domain");
    let mut holders = [(); 3].map(|()| {
        let mut holder = Role::start("hold", &[&unique(&name), "ephemeral"]);
        assert_eq!(holder.hear(), "holding");
        holder
    });
    holders[0].kill();
    holders[1].kill();
    let findings = examine().unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    let mut removed = 0;
    for finding in &findings {
        let What::Domain { alive, dead, channels, .. } = &finding.what else { panic!("{finding}") };
        match finding.verdict {
            Verdict::InUse => assert_eq!((*alive, *dead, *channels), (1, 0, 1), "{finding}"),
            Verdict::Abandoned => {
                assert_eq!((*alive, *dead, *channels), (0, 1, 1), "{finding}");
                assert!(finding.to_string().contains("no token is raised and no process is attached"));
                removed += 1;
            }
            _ => panic!("{finding}"),
        }
        assert_eq!(finding.remove().unwrap(), finding.verdict == Verdict::Abandoned, "{finding}");
    }
    assert_eq!(removed, 2);
    assert_eq!(kernel_objects().1.len(), 1, "the living one's semaphores");
    holders[2].kill();
    // Found dead now, though it was alive when it was found first.
    let alive = findings.iter().find(|finding| finding.verdict == Verdict::InUse).unwrap();
    assert!(alive.remove().unwrap());
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn a_finding_that_has_come_to_life_is_left_alone() {
    private_namespace();
    let name = unique("gc-revived");
    let mut holder = Role::start("hold", &[&name, "persistent"]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
    let findings = examine().unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.verdict != Verdict::InUse), "{findings:?}");

    let domain = Domain::open(&name).unwrap();
    let mut consumer = spsc::Builder::<u64>::new("held").domain(&domain).open_receiver().unwrap();
    assert!(findings.iter().all(|finding| !finding.remove().unwrap()));
    assert_eq!(consumer.pop().unwrap(), 1);
    drop((consumer, domain));

    let [channel] = &examine().unwrap()[..] else { panic!("only the channel is left") };
    assert_eq!(channel.verdict, Verdict::Kept);
    assert!(matches!(&channel.what, What::Channel { name, attached: 0, .. } if name == "held"));
    assert!(channel.remove().unwrap());
    assert!(!channel.remove().unwrap(), "there is nothing any more");
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn a_domain_without_its_semaphores_goes_and_memory_of_others_does_not() {
    private_namespace();
    let name = unique("gc-cut");
    let mut holder = Role::start("hold", &[&name, "ephemeral"]);
    assert_eq!(holder.hear(), "holding");
    holder.kill();
    for (id, _) in ipc_core::list::sets().unwrap() {
        ipc_core::sem::SemaphoreSet::from_id(id).remove().unwrap();
    }
    let key = Key::from_raw(0x1234_5678);
    let others = RemoveOnDrop::new(SharedMemory::create_new(key, 1 << 20, &Options::default()).unwrap());
    others.attach().unwrap().copy_to(0, b"ipc-doma is how it starts").unwrap();
    let findings = examine().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].evidence.contains("semaphores are gone"), "{}", findings[0]);
    assert!(findings[0].remove().unwrap());
    assert!(others.stat().is_ok());
}

#[test]
fn an_empty_segment_without_a_key_goes_when_its_maker_is_gone() {
    private_namespace();
    let mut maker = Role::start("make", &[]);
    let number: i32 = maker.hear().parse().unwrap();
    assert!(examine().unwrap().is_empty(), "its maker lives");
    maker.kill();
    let findings = examine().unwrap();
    let [finding] = &findings[..] else { panic!("only the segment is left: {findings:?}") };
    assert_eq!(
        (finding.segment.unwrap().as_raw(), &finding.what, finding.verdict),
        (number, &What::Unmarked, Verdict::Abandoned)
    );
    assert!(finding.to_string().contains("no process is attached"), "{finding}");
    // A process was given its identifier, and attaches.
    let attached = SharedMemory::from_id(finding.segment.unwrap()).attach().unwrap();
    assert!(!finding.remove().unwrap());
    drop(attached);
    assert!(finding.remove().unwrap());
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}
