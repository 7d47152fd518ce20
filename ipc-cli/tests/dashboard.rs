//! The dashboard for Grafana asks for metrics that `ipcr metrics` gives.

mod common;

use std::collections::BTreeSet;

use common::core::namespace::isolated;
use common::done;
use ipc_ring::{Domain, broadcast, bytes, mpmc, pool, spsc};
use serde_json::Value;

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("ipcr_"))
        .collect()
}

#[test]
fn each_panel_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(include_str!("../grafana/ipcr.json")).unwrap();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let mut asked: Vec<String> = targets.map(|target| text(&target["expr"])).collect();
    assert_eq!(asked.len(), panels.len(), "one for each panel");
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    asked.extend(variables.filter(|of| of["type"] == "query").map(|of| text(&of["query"]["query"])));
    isolated(|| {
        let domain = Domain::open("dashboard").unwrap();
        let _spsc = spsc::Builder::<u64>::new("spsc").domain(&domain).create_sender().unwrap();
        let _bytes = bytes::Builder::new("bytes").domain(&domain).create_sender().unwrap();
        let _mpmc = mpmc::Builder::<u64>::new("mpmc").domain(&domain).create_sender().unwrap();
        let _news = broadcast::Builder::<u64>::new("news").domain(&domain).create_sender().unwrap();
        let _pool = pool::Builder::new("pool").domain(&domain).class(4096, 4).create().unwrap();
        let metrics = done("metrics");
        let samples = metrics.lines().filter(|line| !line.starts_with('#'));
        let given: BTreeSet<_> = samples.flat_map(names).collect();
        for expression in &asked {
            let named = names(expression);
            assert!(!named.is_empty(), "{expression}");
            let missing: Vec<_> = named.difference(&given).collect();
            assert!(missing.is_empty(), "{expression} asks for {missing:?}");
        }
        // What the panel of dead ends picks out.
        assert!(metrics.contains("channel=\"spsc\",kind=\"spsc\",alive=\"false\"} 0\n"), "{metrics}");
    });
}
