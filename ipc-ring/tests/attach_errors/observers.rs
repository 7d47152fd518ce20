//! A reader without a seat takes the channel as it is, and insists on what its builder names, in every kind
//! that has one.

use ipc_ring::broadcast::{Mode, Position, Start};
use ipc_ring::{Barrier, Lifetime};

use super::ends::{ALL, Ask, Element, OTHERS, Row, Way};
use super::{Place, SLOTS, has_membarrier, private_namespace};

fn insists(row: &'static Row) {
    let place = Place::new(row);
    let observe = |ask: &Ask<'_>| row.observe.expect("it has one")(ask);
    // As the channel will be, and then is.
    let all = place.ask(false, Way::Open);
    let none = Ask { capacity: None, mode: None, ..all };
    place.refused(observe(&none), "NotFound", &["start its creator"]);
    let held = place.giver();
    for ask in [none, all] {
        drop(observe(&ask).unwrap_or_else(|error| panic!("{}: {error}", row.name)));
    }

    let me = format!("process {} (this one)", std::process::id());
    if row.has_types {
        let says = ["of type `u64`", "of type `i64`", "`type_name`", &me];
        place.refused(observe(&Ask { element: Element::Other, ..none }), "ElementType", &says);
        let says = ["of type `u64`", "type `[u64;2]`", "declare the same type", &me];
        place.refused(observe(&Ask { element: Element::Larger, ..none }), "ElementSize", &says);
    }
    if let Some((unit, each)) = row.unit {
        let found = format!("capacity of {} {unit}", SLOTS * each);
        let says = [&found, &me, &format!("asks for {}", 4 * each) as &str, "or for none to take it"];
        place.refused(observe(&Ask { capacity: Some(4), ..none }), "Capacity", &says);
        let says = ["capacity of 0", "choose another"];
        place.refused(observe(&Ask { capacity: Some(0), ..none }), "TooLarge", &says);
    }
    if row.has_modes {
        let says = ["made gated by", &me, "asks for lossy", "ask for gated"];
        place.refused(observe(&Ask { mode: Some(Mode::Lossy), ..none }), "Mode", &says);
        let start = Start::Saved(Position { generation: 1, sequence: 0, offset: 0 });
        place.refused(observe(&Ask { start, ..none }), "StalePosition", &["saved in generation 1"]);
        let start = Start::Sequence(1 << 63);
        place.refused(observe(&Ask { start, ..none }), "NoSuchPosition", &["9223372036854775808"]);
    }
    let says = ["as Lifetime::Ephemeral", "asks for Lifetime::Persistent", &me];
    place.refused(observe(&Ask { lifetime: Some(Lifetime::Persistent), ..none }), "Lifetime", &says);
    let (found, other) = match has_membarrier() {
        true => (Barrier::Asymmetric, Barrier::Fence),
        false => (Barrier::Fence, Barrier::Asymmetric),
    };
    drop(observe(&Ask { barrier: Some(found), ..none }).expect(row.name));
    let says = [format!("with Barrier::{found:?}"), format!("asks for Barrier::{other:?}")];
    place.refused(observe(&Ask { barrier: Some(other), ..none }), "Barrier", &[&says[0], &says[1], &me]);
    drop(held);
}

#[test]
fn a_reader_without_a_seat_insists_on_what_its_builder_names() {
    private_namespace();
    let observed: Vec<_> = ALL.iter().chain(&OTHERS).filter(|row| row.observe.is_some()).collect();
    assert_eq!(observed.len(), 7);
    observed.into_iter().for_each(insists);
}
