//! Latency distributions in the percentile form that plotters of HdrHistogram read (`.hgrm`), in nanoseconds.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::clock::Clock;
use crate::result::Measured;
use crate::workload::Workload;

/// Writes one file for each row that has latencies.
///
/// # Errors
/// Names the file that could not be written.
pub(crate) fn write(folder: &Path, measured: &[Measured], clock: Clock) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("creating {}: {error}", folder.display()))?;
    for Measured { row, histogram } in measured.iter().filter(|measured| measured.histogram.count() > 0) {
        let rate = row.target_rate.map(|rate| format!("-{rate}")).unwrap_or_default();
        let name = format!(
            "{}-{}-{}-{}{rate}.hgrm",
            row.workload.name(),
            row.mechanism,
            row.wait.name(),
            row.size_bytes
        );
        let divisor = if row.workload == Workload::Pingpong { 2.0 } else { 1.0 };
        let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
        for (quantile, ns, count) in histogram.curve(clock, divisor) {
            // Writing to a string cannot fail.
            let _ = if quantile < 1.0 {
                writeln!(text, "{ns:12.3} {quantile:2.12} {count:10} {:14.2}", 1.0 / (1.0 - quantile))
            } else {
                writeln!(text, "{ns:12.3} {quantile:2.12} {count:10}")
            };
        }
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("writing {}: {error}", path.display()))?;
    }
    Ok(())
}
