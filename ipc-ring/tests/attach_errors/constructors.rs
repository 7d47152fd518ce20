//! The six ways to an end, for every kind of channel.

use super::ends::{ALL, OTHERS, Row, Way};
use super::{Place, private_namespace};

/// Either end makes the channel, and the other one finds it.
fn each_way_from_either_end(row: &'static Row) {
    for first in [true, false] {
        let place = Place::new(row);
        for gives in [true, false] {
            let absent = place.open(&place.ask(gives, Way::Open));
            place.refused(absent, "NotFound", &["start its creator"]);
        }
        let made = place.open(&place.ask(first, Way::New)).expect(row.name);
        for gives in [first, !first] {
            let there = place.open(&place.ask(gives, Way::New));
            place.refused(there, "AlreadyExists", &["exists already", "(this one)", "open it"]);
        }
        let opened = place.open(&place.ask(!first, Way::Open)).expect(row.name);
        drop((made, opened));

        let place = Place::new(row);
        let made = place.open(&place.ask(first, Way::Create)).expect(row.name);
        let found = place.open(&place.ask(!first, Way::Create)).expect(row.name);
        drop((made, found));
    }
}

#[test]
fn a_channel_is_made_and_found_by_either_end_in_each_way() {
    private_namespace();
    for row in ALL.iter().chain(&OTHERS).filter(|row| row.name != "pool") {
        each_way_from_either_end(row);
    }
}
