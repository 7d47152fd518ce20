//! A process that is stopped has the domain's lock. Ends are dropped nevertheless, at once, and nothing of
//! theirs is left when the lock is free again; calls that need the lock wait for it as long as their caller
//! said.

#[path = "../common/mod.rs"]
mod common;
mod deadlines;
mod following;
mod holder;
#[path = "../kinds/mod.rs"]
mod kinds;
mod leaving;
#[path = "../spsc_common/mod.rs"]
mod spsc_common;

#[test]
fn plays_a_role() {
    let Some(role) = common::role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hold"] => holder::hold(),
        ["joiner", domain] => leaving::joiner(domain),
        ["member", domain] => leaving::member(domain),
        ["join", domain, millis] => deadlines::join(domain, millis),
        ["outsider"] => deadlines::outsider(),
        ref other => panic!("no such role: {other:?}"),
    }
}
