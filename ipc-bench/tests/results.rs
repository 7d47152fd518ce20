//! The form of the results: JSON version 1, the other formats, the exit codes.

mod common;

use common::{json, rows, run};
use serde_json::Value;

const SHORT: &str = "--reps 2 --duration 20 --warm-up 5";

#[test]
fn json_has_the_form_of_version_1() {
    let (results, code) = json(&format!(
        "pingpong -m pipe,cache-line,flag-ring,slot-queue,spsc,bytes,mpmc,sysv-msg -s 8,64 {SHORT}"
    ));
    assert_eq!(code, 0);
    assert_eq!(results["schema_version"], 1);
    assert!(results["command"].as_str().is_some_and(|text| text.starts_with("ipc-bench pingpong -m pipe")));
    for field in
        ["cpu_model", "kernel", "clock_source", "governor", "rustc", "load", "libc", "virtualisation"]
    {
        assert!(results["environment"][field].is_string(), "environment.{field}");
    }
    for field in
        ["microcode", "smt", "isolated_cpus", "transparent_huge_pages", "commit", "container", "date"]
    {
        assert!(results["environment"][field].is_string(), "environment.{field}");
    }
    for field in ["mitigations", "ipc_limits"] {
        assert!(results["environment"][field].is_object(), "environment.{field}");
    }
    for field in ["topology", "warnings"] {
        assert!(results["environment"][field].is_array(), "environment.{field}");
    }
    // spsc, bytes, mpmc: spin, spin_sleep, sleep.
    assert_eq!(rows(&results).len(), 2 * (5 + 3 * 3));
    let all = "workload mechanism wait placement size_bytes capacity repetitions count lost duplicated reordered error \
               one_way_ns messages_per_second bytes_per_second cpu_seconds_per_million voluntary_switches \
               involuntary_switches syscalls_per_message target_rate achieved_rate";
    for (row, field) in
        rows(&results).iter().flat_map(|row| all.split_whitespace().map(move |field| (row, field)))
    {
        assert!(row.get(field).is_some(), "{field} is missing, where null is meant: {row}");
    }
    for row in rows(&results) {
        assert!(row["error"].is_null(), "{row}");
        for field in ["size_bytes", "repetitions", "count", "lost", "duplicated", "reordered"] {
            assert!(row[field].is_u64(), "{field}: {row}");
        }
        for field in ["workload", "mechanism", "wait", "placement"] {
            assert!(row[field].is_string(), "{field}: {row}");
        }
        let latency = &row["one_way_ns"];
        let order: Vec<f64> = ["p50", "p90", "p99", "p999", "p9999", "max"]
            .iter()
            .map(|name| latency[name].as_f64().unwrap_or_else(|| panic!("{name}: {row}")))
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(order[0] > 0.0, "{row}");
        assert!(row["cpu_seconds_per_million"]["producer"].is_number(), "{row}");
        // A round trip is no throughput.
        assert!(row["messages_per_second"].is_null(), "{row}");
        assert_eq!(row["repetitions"], 2);
    }
}

#[test]
fn streams_tell_rates() {
    let (results, code) = json(&format!(
        "stream -m spsc,spsc-batch,bytes,mpmc,sysv-msg,pipe,flag-ring,index-ring,index-ring-64,memcpy -s 64 {SHORT}"
    ));
    assert_eq!(code, 0);
    for row in rows(&results) {
        assert!(row["error"].is_null(), "{row}");
        let rate = &row["messages_per_second"];
        let values: Vec<f64> =
            ["min", "median", "max"].iter().map(|name| rate[name].as_f64().expect("a number")).collect();
        assert!(values.is_sorted() && values[0] > 0.0, "{row}");
        let bytes = row["bytes_per_second"]["median"].as_f64().expect("a number");
        assert!((bytes / values[1] - 64.0).abs() < 1e-6, "{row}");
        assert!(row["one_way_ns"].is_null(), "{row}");
    }
}

#[test]
fn fans_tell_rates_and_fairness_and_balance_their_books() {
    let (results, code) = json(
        "fan -m mpmc,slot-queue,sysv-msg -e 1x1,3x2,1x3 -s 8,64 --messages 2000 --reps 1 --duration 60000 --warm-up 1",
    );
    assert_eq!(code, 0);
    // mpmc: spin_sleep, sleep, spin_yield.
    assert_eq!(rows(&results).len(), 2 * 3 * (3 + 1 + 1));
    for row in rows(&results) {
        assert!(row["error"].is_null(), "{row}");
        assert!(row["messages_per_second"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{row}");
        assert_eq!(row["lost"], 0, "{row}");
        let fairness = row["producer_fairness"]["median"].as_f64();
        match row["producers"].as_u64() {
            Some(3) => assert!(fairness.is_some_and(|part| (0.0..=1.0).contains(&part)), "{row}"),
            _ => assert!(fairness.is_none(), "{row}"),
        }
    }
    let (results, code) = json(
        "fan -m sysv-msg --producers 2 --consumers 3 --messages 1000 --reps 1 --duration 60000 --warm-up 1",
    );
    assert_eq!((code, rows(&results).len()), (0, 1));
    // Each producer sends this number.
    assert_eq!(rows(&results)[0]["count"], 2000);
}

#[test]
fn system_calls_are_counted() {
    let calls = |arguments: &str| -> Vec<f64> {
        let (results, code) = json(arguments);
        assert_eq!(code, 0, "{results}");
        let calls = |row: &Value| row["syscalls_per_message"].as_f64().unwrap_or_else(|| panic!("{row}"));
        rows(&results).iter().map(calls).collect()
    };
    // A write and a read for each message; a send and a receive.
    assert_eq!(calls(&format!("pingpong -m pipe,sysv-msg {SHORT}")), [2.0, 2.0]);
    assert_eq!(calls(&format!("pingpong -m cache-line,flag-ring,spsc --wait spin {SHORT}")), [0.0; 3]);
    // Nor does the sender's own sleep until the next message count.
    assert_eq!(calls(&format!("wake -g 2ms -m flag-ring {SHORT}")), [0.0]);
    // A fan has many processes.
    let fan = calls("fan -m sysv-msg -e 2x2 --messages 500 --reps 1 --duration 60000 --warm-up 1");
    assert!((2.0..3.0).contains(&fan[0]), "{fan:?}");

    let (results, _) = json(&format!("pingpong -m pipe --no-syscalls {SHORT}"));
    assert!(rows(&results)[0]["syscalls_per_message"].is_null());
    assert_eq!(rows(&results)[0]["syscalls_uncounted"], "not asked for");
}

#[test]
fn what_cannot_be_done_is_a_row_with_its_reason() {
    let (results, code) = json(&format!("pingpong -m cache-line,pipe -s 64,4K {SHORT}"));
    assert_eq!(code, 0, "the rest went on");
    let failed: Vec<&Value> = rows(&results).iter().filter(|row| !row["error"].is_null()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["mechanism"], "cache-line");
    assert!(failed[0]["error"].as_str().is_some_and(|error| error.contains("64 bytes at most")));
}

#[test]
fn exit_codes_are_as_documented() {
    let code = |arguments: &str| run(arguments).status.code();
    assert_eq!(code("pingpong -m no-such-thing"), Some(2));
    assert_eq!(code("pingpong -s 7"), Some(2));
    assert_eq!(code("fan --ends 8"), Some(2));
    assert_eq!(code("fan --producers 2"), Some(2));
    assert_eq!(code("--no-such-option"), Some(2));
    assert_eq!(code("pingpong -m pipe --pin 0,99999"), Some(2));
    assert_eq!(code(&format!("pingpong -m cache-line -s 4K -q {SHORT}")), Some(5), "the only mechanism");
    assert_eq!(code(&format!("pingpong -m pipe -q {SHORT} --pin none --strict")), Some(4), "not pinned");
    assert_eq!(code("compare /nonexistent/a.json /nonexistent/b.json"), Some(2));
}

#[test]
fn compare_finds_what_got_worse_and_says_what_it_cannot_tell() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (results, code) =
        json("pingpong -m null --reps 5 --messages 10 --duration 60000 --warm-up 0 --no-syscalls");
    assert_eq!(code, 0, "{results}");
    // The same file with other figures in its rounds.
    let file = |name: &str, p50s: [f64; 5]| {
        let mut results = results.clone();
        for (round, p50) in p50s.iter().enumerate() {
            results["rows"][0]["rounds"][round]["one_way_ns"]["p50"] = (*p50).into();
        }
        let path = folder.path().join(name);
        std::fs::write(&path, results.to_string()).expect("the file is written");
        path
    };
    let quick = file("quick.json", [100.0, 101.0, 99.0, 100.0, 102.0]);
    let slow = file("slow.json", [121.0, 120.0, 122.0, 119.0, 120.0]);
    let noisy = file("noisy.json", [100.0, 1e6, 1.0, 3e7, 0.5]);
    let compare = |before: &std::path::Path, after: &std::path::Path| {
        let output = common::command("compare").args([before, after]).output().expect("the program runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    for (before, after, code, verdict) in [
        (&quick, &slow, 3, " worse "),
        (&slow, &quick, 0, " ok "),
        (&quick, &quick, 0, " ok "),
        (&quick, &noisy, 6, " undecided "),
        (&noisy, &noisy, 6, " undecided "),
    ] {
        let (found, told) = compare(before, after);
        assert_eq!(found, Some(code), "{told}");
        assert!(told.contains(verdict), "{told}");
    }
}

#[test]
fn what_cannot_be_written_to_stdout_fails() {
    let measured = format!("pingpong -m pipe -q {SHORT}");
    let forms = format!("pingpong -m pipe -q --json - {SHORT}");
    for arguments in ["list", "list --json", "doctor", "man", "completions bash", &measured, &forms] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = common::command(arguments).stdout(full).output().expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {told}");
        assert!(told.contains("writing to stdout: No space left on device"), "{arguments}: {told}");
    }
}

#[test]
fn the_other_formats_hold_every_row() {
    let csv = run(&format!("pingpong -m pipe,null -s 8,64 {SHORT} -q --csv -"));
    let csv = String::from_utf8(csv.stdout).expect("UTF-8");
    assert_eq!(csv.lines().count(), 1 + 4, "{csv}");
    let columns = csv.lines().next().map(|line| line.split(',').count());
    assert!(csv.lines().all(|line| Some(line.split(',').count()) == columns), "{csv}");

    let markdown = run(&format!("pingpong -m pipe,null -s 8,64 {SHORT} -q --md -"));
    let markdown = String::from_utf8(markdown.stdout).expect("UTF-8");
    assert_eq!(markdown.lines().filter(|line| line.contains("| pipe |")).count(), 2, "{markdown}");
}

#[test]
fn rows_are_told_as_parts_of_a_reference_round_by_round() {
    let file = std::env::temp_dir().join(format!("ipc-bench-against-{}.json", std::process::id()));
    let arguments = format!("pingpong -m null,pipe {SHORT} --no-syscalls -q --against null --json");
    let output = common::command(&arguments).arg(&file).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("p50 / null"), "{output:?}");
    let results: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    for row in rows(&results) {
        let reference =
            rows(&results).iter().find(|row| row["mechanism"] == "null").expect("it was measured");
        let part = |round: usize| {
            let p50 = |row: &Value| row["rounds"][round]["one_way_ns"]["p50"].as_f64().expect("a p50");
            p50(row) / p50(reference)
        };
        let against = &row["against"];
        assert_eq!(against["mechanism"], "null");
        assert_eq!(against["p50"]["min"].as_f64(), Some(part(0).min(part(1))), "{row}");
        assert_eq!(against["p50"]["max"].as_f64(), Some(part(0).max(part(1))), "{row}");
        assert!(against["p99"]["median"].is_number() && against["messages_per_second"].is_null(), "{row}");
    }
    let report = |reference: &str| {
        let arguments = ["--against", reference];
        common::command("report").arg(&file).args(arguments).output().expect("the program runs")
    };
    let (with_pipe, with_none) = (report("pipe"), report("spsc"));
    std::fs::remove_file(&file).expect("the file is removed");
    assert!(String::from_utf8_lossy(&with_pipe.stdout).contains("p99 / pipe"), "{with_pipe:?}");
    assert_eq!(with_none.status.code(), Some(2), "nothing to compare with");
    assert_eq!(run(&format!("pingpong -m pipe {SHORT} -q --against spsc")).status.code(), Some(2));
}

#[test]
fn list_names_every_mechanism_once() {
    let output = run("list");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rings = "spsc spsc-batch bytes mpmc broadcast broadcast-gated latest call pool";
    let kernel =
        "sysv-msg posix-mq pipe fifo unix-stream unix-dgram unix-seqpacket tcp udp eventfd sysv-sem futex";
    let floors = "clock cache-line one-line flag-ring index-ring index-ring-64 slot-queue memcpy";
    for name in format!("{rings} {kernel} {floors} null").split_whitespace() {
        let lines: Vec<_> =
            text.lines().filter(|line| line.split_whitespace().nth(1) == Some(name)).collect();
        assert_eq!(lines.len(), 1, "{name}: {text}");
        // Their messages are short, which is no reason to be missing.
        if ["call", "one-line", "cache-line"].contains(&name) {
            assert_eq!(lines[0].split_whitespace().nth(5), Some("yes"), "{}", lines[0]);
        }
    }
}

#[test]
fn completions_and_manual_are_made() {
    let text = |arguments: &str| {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let manual = text("man");
    assert!(manual.contains(".TH ipc-bench"), "{manual}");
    let shells = ["bash", "zsh", "fish"].map(|shell| text(&format!("completions {shell}")));
    // What the help lists is in the manual, has a page of its own, and is completed; what it hides is not.
    let help = text("--help");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 12, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(manual.contains(command), "{command}");
        assert!(shells.iter().all(|script| script.contains(command)), "{command}");
        let page = text(&format!("man {command}"));
        assert!(page.contains(".TH") && page.contains(command), "{page}");
    }
    assert!(!manual.contains("janitor"));
    assert_eq!(run("man nothing").status.code(), Some(2));
}

#[test]
fn a_suite_can_be_taken_up_again() {
    let folder = std::env::temp_dir().join(format!("ipc-bench-suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let (suite, json) = (folder.join("suite.toml"), folder.join("all.json"));
    let run = |text: &str| {
        std::fs::write(&suite, text).expect("the suite is written");
        let output = common::command(&format!("matrix -q --resume {SHORT}"))
            .arg(&suite)
            .arg("--json")
            .arg(&json)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        let text = std::fs::read_to_string(&json).expect("the results are there");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let first_part = "[[run]]\nworkload = \"pingpong\"\nmechanisms = [\"pipe\"]\nsizes = [64]\n";
    let first = run(first_part);
    let second =
        run(&format!("{first_part}[[run]]\nworkload = \"stream\"\nmechanisms = [\"pipe\"]\nsizes = [64]\n"));
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
    assert_eq!((rows(&first).len(), rows(&second).len()), (1, 2));
    assert_eq!(rows(&first)[0], rows(&second)[0], "measured once only");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in ["list", "man", "completions bash", "doctor"] {
        let mut child = common::start(arguments);
        drop(child.stdout.take());
        let output = common::finish(child);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(feature = "peers")]
#[test]
fn other_projects_are_measured_between_processes() {
    let longer = "--reps 1 --duration 100 --warm-up 10";
    let (trips, code) = json(&format!(
        "pingpong -m iceoryx2,iceoryx2-in-place,iceoryx2-copy,iceoryx2-call,ringfire -s 8,1K {longer}"
    ));
    assert_eq!(code, 0, "{trips}");
    // ringfire: spin, spin_sleep, sleep.
    assert_eq!(rows(&trips).len(), 2 * (4 + 3));
    let (streams, code) = json(&format!("stream -m iceoryx2,iceoryx2-copy,ringfire -s 64 {longer}"));
    assert_eq!(code, 0, "{streams}");
    for row in rows(&trips).iter().chain(rows(&streams)) {
        assert!(row["error"].is_null() && row["lost"] == 0 && row["threads"] == false, "{row}");
        assert!(row["count"].as_u64().is_some_and(|count| count > 0), "{row}");
    }
}

#[cfg(feature = "peers")]
#[test]
fn queues_between_threads_are_measured_and_labelled() {
    let (results, code) = json(&format!("pingpong -m crossbeam,rtrb -s 8,64 --wait spin {SHORT}"));
    assert_eq!(code, 0, "{results}");
    let (fans, code) = json(&format!("fan -m crossbeam -e 3x2 -s 8 {SHORT}"));
    assert_eq!(code, 0, "{fans}");
    for row in rows(&results).iter().chain(rows(&fans)) {
        assert!(row["error"].is_null(), "{row}");
        assert_eq!(row["threads"], true, "{row}");
    }
    assert!(rows(&results)[0]["one_way_ns"]["p50"].as_f64().is_some_and(|p50| p50 > 0.0));
    assert!(rows(&fans)[0]["messages_per_second"]["median"].as_f64().is_some_and(|rate| rate > 0.0));
}

#[test]
fn deaths_are_timed() {
    let (results, code) = json("deaths --deaths 2");
    assert_eq!(code, 0, "{results}");
    let rows: Vec<_> = rows(&results).iter().collect();
    let named = |workload: &str| rows.iter().filter(|row| row["workload"] == workload).count();
    assert_eq!((named("death_told"), named("death_repaired"), named("death_replaced")), (4, 1, 3));
    for row in rows {
        assert_eq!(row["count"], 2, "{row}");
        assert!(row["one_way_ns"]["p50"].as_f64().is_some_and(|ns| ns > 1000.0), "{row}");
    }
    assert_eq!(run("deaths -m flag-ring").status.code(), Some(2));
}
