//! `lines_server` and `lines_client` as two processes.

mod common;

use common::{Program, isolated, kernel_objects};

#[test]
fn lines_are_answered_by_lines() {
    isolated("lines_are_answered_by_lines", || {
        let before = kernel_objects();
        let mut server = Program::start("lines_server", &[]);
        assert_eq!(server.says(), "listening as examples.lines");
        let ask = |lines: &[&str]| Program::start("lines_client", lines).end();
        assert_eq!(
            ask(&["add 1 2", "add", "dance", "add 1 x"]).output,
            concat!(
                "3\n",
                "0\n",
                "error: say add and numbers, quit or stop\n",
                "error: invalid digit found in string\n"
            )
        );
        assert_eq!(ask(&["add -1 1", "quit"]).output, "0\nbye\n");
        assert_eq!(ask(&[]).output, "");
        // Longer than the ring.
        let long = format!("add {}", "7 ".repeat(50_000));
        assert_eq!(ask(&[&long, &long]).output, "350000\n350000\n");
        assert_eq!(ask(&["stop"]).output, "bye\n");
        assert!(server.end().status.success());
        assert_eq!(kernel_objects(), before);
    });
}
