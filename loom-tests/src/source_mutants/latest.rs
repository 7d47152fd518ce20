//! Mistakes in the source of the ends of a table of latest values.

use super::SourceMutant;

const END: &str = "ipc-ring/src/end/latest/end.rs";
const READER: &str = "ipc-ring/src/end/latest/reader.rs";
const WAKING: &str = "ipc-ring/src/end/participant/waking.rs";

/// All of them.
pub(super) const ALL: &[SourceMutant] = &[
    SourceMutant {
        name: "latest: a reader that sees the end does not look for a value",
        file: READER,
        old: "        match «(wanted.read)(ring)» {",
        new: "if over.is_some() { Ok(None) } else { (wanted.read)(ring) }",
        models: &["latest_closed_behind_a_value"],
    },
    SourceMutant {
        name: "latest: a reader ignores the end before it sleeps",
        file: READER,
        old: " || «is_over()» {",
        new: "false",
        models: &["latest_reader_sleeps_writer"],
    },
    SourceMutant {
        name: "latest: a reader ignores a newer value before it sleeps",
        file: READER,
        old: "        if «(self.wanted.has_something)(ring)» ",
        new: "false",
        models: &["latest_reader_sleeps_fence"],
    },
    SourceMutant {
        name: "latest: a set waits for the key that the reader waited for alone",
        file: READER,
        old: "        self.end.place.wait_for(«Topic::Any.class()»);\n",
        new: "Topic::Key(0).class()",
        models: &["latest_set_sleeps_for_any"],
    },
    SourceMutant {
        name: "latest: a dead writer is waited for",
        file: READER,
        old: "let died = if «ask» {",
        new: "false",
        models: &["latest_writer_dies_for_good"],
    },
    SourceMutant {
        name: "latest: a writer that takes over wakes no reader",
        file: END,
        old: "            // wake.\n            «end.wake_sleepers()»;",
        new: "()",
        models: &["latest_writer_dies_before_it_wakes"],
    },
    SourceMutant {
        name: "latest: the end wakes no reader",
        file: END,
        old: "        signal::set_flags::<W::Platform>(self.ring.state(), bits);\n        «self.wake_sleepers()»;",
        new: "()",
        models: &["latest_reader_sleeps_writer"],
    },
    SourceMutant {
        name: "latest: a publication does not wake readers that wait for any key",
        file: WAKING,
        old: "            let woken = «self.wake_together(classes[0])»;",
        new: "Ok(())",
        models: &["latest_reader_sleeps_for_any"],
    },
    SourceMutant {
        name: "latest: a publication does not wake readers that wait for its key",
        file: WAKING,
        old: "            «self.wake_together(classes[1])».and(woken)",
        new: "Ok(())",
        models: &["latest_reader_sleeps_fence"],
    },
    SourceMutant {
        name: "latest: nothing is arranged for a death before the mask's bit is taken",
        file: WAKING,
        old: "impl<W: Seats, P: Peers> Notifier for Together<'_, W, P> {\n    fn arrange(&mut self, number: u16) {\n        «self.others.arrange(number)»;",
        new: "None",
        models: &["latest_writer_dies_with_the_mask"],
    },
];
