//! The table on stdout: one for each workload, grouped by size and way of waiting.

use comfy_table::{Cell, CellAlignment, Table};

use crate::result::{Against, Results, Row, Spread};
use crate::units;
use crate::workload::{self, Workload};
use ipc_cli_support::output::{self, say};

/// Prints the machine, then a table for each workload.
pub(crate) fn print(results: &Results) {
    say!("{}", machine(results));
    for workload in workload::IN_ORDER.iter().copied() {
        let rows = sorted(results, workload);
        if !rows.is_empty() {
            say!("\n{}\n{}", title(workload), render(workload, &rows));
        }
    }
    for row in results.rows.iter().filter(|row| row.error.is_some()) {
        let reason = row.error.as_deref().unwrap_or_default();
        say!("{}: {reason}", row.what());
    }
}

/// One line on the machine.
pub(super) fn machine(results: &Results) -> String {
    let environment = &results.environment;
    let cpus = match environment.pinned {
        Some((producer, consumer)) => format!("cpus {producer} and {consumer}"),
        None => "not pinned".into(),
    };
    let placement = environment.placement.map(|placement| format!(" ({placement})")).unwrap_or_default();
    format!(
        "{}, {cpus}{placement}, Linux {}, {}; reading the clock costs {} ns, its step is {} ns",
        environment.cpu_model,
        environment.kernel,
        environment.virtualisation,
        environment.clock_cost_ns,
        environment.clock_step_ns
    )
}

/// What the numbers of a workload are.
pub(super) fn title(workload: Workload) -> &'static str {
    match workload {
        Workload::Pingpong => "Round trip, one message in flight; half of it is shown as the time of one way",
        Workload::Stream => "Stream, one way, one send for each message",
        Workload::Load => "Fixed rate; latency counts from the intended time of sending",
        Workload::Wake => "Rare messages; latency counts from the intended time of sending",
        Workload::Publish => "What the publisher gets through while subscribers read now and then",
        Workload::Receipt => {
            "Age of rare messages when each of the subscribers, all asleep, has them, and when the last one has"
        }
        Workload::Fan => "Several producers and consumers at one queue, one send for each message",
        Workload::DeathTold => "Death: from SIGKILL until the peer, asleep in a pop, learns of it",
        Workload::DeathRepaired => {
            "Death with a message in hand: from SIGKILL until busy others have repaired the slot and popped it"
        }
        Workload::DeathReplaced => {
            "Death of a consumer: from SIGKILL until a producer that waits for room has a successor and has pushed"
        }
    }
}

/// The rows of a workload in the order of the table: by size, then way of waiting, then figure. Rows without
/// figures come last.
pub(super) fn sorted(results: &Results, workload: Workload) -> Vec<&Row> {
    let mut rows: Vec<_> =
        results.rows.iter().filter(|row| row.workload == workload && row.error.is_none()).collect();
    let figure = |row: &Row| match (row.one_way_ns, row.messages_per_second) {
        (Some(latency), _) => latency.p50,
        (None, Some(rate)) => -rate.median,
        (None, None) => f64::INFINITY,
    };
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.size_bytes, row.producers, row.consumers, row.wait);
        key(a)
            .cmp(&key(b))
            .then(a.target_rate.unwrap_or(0.0).total_cmp(&b.target_rate.unwrap_or(0.0)))
            .then(figure(a).total_cmp(&figure(b)))
    });
    rows
}

fn render(workload: Workload, rows: &[&Row]) -> Table {
    let mut table = output::table();
    let (header, lines) = text(workload, rows);
    table.set_header(header);
    let mut last = None;
    for (row, cells) in rows.iter().zip(lines) {
        let group = (row.size_bytes, row.producers, row.consumers, row.wait);
        if last.is_some_and(|last| last != group) {
            table.add_row([""]);
        }
        last = Some(group);
        table.add_row(cells.into_iter().enumerate().map(|(column, text)| {
            let alignment = if column < 2 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(alignment)
        }));
    }
    table
}

/// The names of the columns, and the cells of each row, which have no error.
pub(super) fn text(workload: Workload, rows: &[&Row]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut header: Vec<String> = header(workload).into_iter().map(Into::into).collect();
    let mut lines: Vec<_> = rows.iter().map(|row| cells(row)).collect();
    // Before the last three, next to the columns that they are parts of.
    let at = header.len() - 3;
    if let Some(Against { mechanism, .. }) = rows.iter().find_map(|row| row.against.as_ref()) {
        for (figure, of) in AGAINST.iter().rev() {
            let parts: Vec<_> = rows.iter().map(|row| row.against.as_ref().and_then(of)).collect();
            if parts.iter().all(Option::is_none) {
                continue;
            }
            header.insert(at, format!("{figure} / {mechanism}"));
            for (line, part) in lines.iter_mut().zip(parts) {
                line.insert(at, part.map(units::parts).unwrap_or_default());
            }
        }
    }
    (header, lines)
}

/// A figure that is compared with a reference's, and where it is.
type Compared = (&'static str, fn(&Against) -> Option<Spread>);

/// What is compared with a reference.
const AGAINST: [Compared; 3] = [
    ("p50", |against| against.p50),
    ("p99", |against| against.p99),
    ("messages", |against| against.messages_per_second),
];

/// The names of the columns that every table of the workload has.
fn header(workload: Workload) -> Vec<&'static str> {
    let mut names = vec!["waits by", "mechanism", "bytes"];
    names.extend(match workload {
        Workload::Stream => &["messages", "lowest", "highest", "bytes/s"][..],
        Workload::Pingpong | Workload::DeathTold | Workload::DeathRepaired | Workload::DeathReplaced => {
            &["p50", "p90", "p99", "p99.9", "p99.99", "max"][..]
        }
        Workload::Load => &["rate", "arrived", "p50", "p90", "p99", "p99.9", "p99.99", "max"][..],
        Workload::Publish => &["ends", "messages", "lowest", "highest", "bytes/s"][..],
        Workload::Receipt => &[
            "ends", "every", "p50", "p90", "p99", "p99.9", "p99.99", "max", "last p50", "last p99",
            "last max",
        ][..],
        Workload::Fan => &["ends", "messages", "lowest", "highest", "bytes/s", "fairness"][..],
        Workload::Wake => &["idle", "p50", "p90", "p99", "p99.9", "p99.99", "max"][..],
    });
    names.extend(["count", "syscalls", "CPU a message"]);
    names
}

/// The cells of a row without error, in the order of the header.
fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.wait.name().to_owned(), row.label(), row.size_bytes.to_string()];
    if let (Some(producers), Some(consumers)) = (row.producers, row.consumers) {
        cells.push(format!("{producers}x{consumers}"));
    }
    if let (Some(rate), Workload::Wake | Workload::Receipt) = (row.target_rate, row.workload) {
        cells.push(units::time(1e9 / rate));
    } else if let Some(rate) = row.target_rate {
        cells.extend([units::rate(rate), row.achieved_rate.map(units::rate).unwrap_or_default()]);
    }
    if let Some(latency) = row.one_way_ns {
        let times = [latency.p50, latency.p90, latency.p99, latency.p999, latency.p9999, latency.max];
        cells.extend(times.map(units::time));
    }
    if let Some(last) = row.last_ns {
        cells.extend([last.p50, last.p99, last.max].map(units::time));
    }
    if let Some(rate) = row.messages_per_second {
        cells.extend([rate.median, rate.min, rate.max].map(units::rate));
        cells.push(row.bytes_per_second.map(|rate| units::throughput(rate.median)).unwrap_or_default());
    }
    if row.workload == Workload::Fan {
        let fairness = row.producer_fairness.map(|fairness| format!("{:.2}", fairness.median));
        cells.push(fairness.unwrap_or_default());
    }
    cells.push(row.count.to_string());
    cells.push(row.syscalls_per_message.map(units::few).unwrap_or_default());
    let cpu = row.cpu_seconds_per_million.map(|cpu| {
        // A second for a million messages is a microsecond for one.
        format!("{} + {}", units::time(cpu.producer * 1e3), units::time(cpu.consumer * 1e3))
    });
    cells.push(cpu.unwrap_or_default());
    cells
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::wait::Wait;

    #[test]
    fn rows_fill_their_header() {
        assert_eq!(cells(&sample::row()).len(), header(Workload::Pingpong).len());
        let stream = sample::stream("pipe", Wait::Sleep, 1e6);
        assert_eq!(cells(&stream).len(), header(Workload::Stream).len());
        let receipt = Row {
            workload: Workload::Receipt,
            producers: Some(1),
            consumers: Some(3),
            target_rate: Some(500.0),
            last_ns: sample::row().one_way_ns,
            ..sample::row()
        };
        assert_eq!(cells(&receipt).len(), header(Workload::Receipt).len());
        let fan = Row { workload: Workload::Fan, producers: Some(8), consumers: Some(1), ..stream };
        assert_eq!(cells(&fan).len(), header(Workload::Fan).len());
    }

    #[test]
    fn parts_of_a_reference_are_columns_where_there_are_any() {
        let mut rows = [sample::row(), sample::row()];
        let (plain, _) = text(Workload::Pingpong, &rows.each_ref());
        rows[1].against = Some(Against {
            mechanism: "flag-ring".into(),
            wait: Wait::Spin,
            p50: Some(Spread { min: 0.9, median: 1.0, max: 1.25 }),
            p99: Some(Spread { min: 1.0, median: 1.5, max: 2.0 }),
            messages_per_second: None,
        });
        let (header, lines) = text(Workload::Pingpong, &rows.each_ref());
        assert_eq!(header.len(), plain.len() + 2);
        assert!(lines.iter().all(|line| line.len() == header.len()), "{lines:?}");
        let at = header.iter().position(|name| name == "p50 / flag-ring").expect("a column");
        assert_eq!((lines[0][at].as_str(), lines[1][at].as_str()), ("", "1.00 (0.90 to 1.25)"));
        assert_eq!(
            (header[at + 1].as_str(), lines[1][at + 1].as_str()),
            ("p99 / flag-ring", "1.50 (1.00 to 2.00)")
        );
        assert_eq!(header[at + 2], "count");
    }
}
