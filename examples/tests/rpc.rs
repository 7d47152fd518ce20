//! `rpc_server` and `rpc_client` as processes.

mod common;

use common::{Program, isolated, kernel_objects};

#[test]
fn clients_ask_a_server_that_survives_them() {
    isolated("clients_ask_a_server_that_survives_them", || {
        let before = kernel_objects();
        // A client that starts first waits for its server.
        let early = Program::start("rpc_client", &["set", "colour", "green"]);
        let mut server = Program::start("rpc_server", &[]);
        assert_eq!(server.says(), "listening as examples.rpc");
        assert!(early.end().status.success());
        let second = Program::start("rpc_server", &[]).end();
        assert!(second.errors.contains("exists already, made by process"), "{second:?}");
        let ask = |words: &[&str]| Program::start("rpc_client", words).end();
        assert!(ask(&["set", "shape", "round"]).status.success());
        assert_eq!(ask(&["get", "colour"]).output, "green\n");
        assert_eq!(ask(&["list"]).output, "colour = green\nshape = round\n");
        let none = ask(&["get", "weight"]);
        assert!(!none.status.success() && none.errors.contains("no such key"), "{none:?}");
        assert!(!ask(&["dance"]).status.success());
        let mut killed = Program::start("rpc_client", &["list"]);
        killed.kill();
        assert!(ask(&["stop"]).status.success());
        assert!(server.end().status.success());
        assert_eq!(kernel_objects(), before);
    });
}
