//! The report: one self-contained file, readable by someone who has never seen it.
//!
//! The plots are drawn here as SVG inside the page: no script, no request to anywhere, light and dark by the
//! reader's setting.

mod chart;
mod plots;
mod sections;

use std::fmt::Write;

use crate::result::Results;

const STYLE: &str = include_str!("style.css");

/// The text of the file.
pub(crate) fn text(results: &Results) -> Result<String, String> {
    let mut page = String::new();
    let title = format!("ipc-bench, {}", results.environment.date);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&title)
    );
    page += &sections::opening(results);
    page += &sections::warnings(results);
    for section in plots::sections(results) {
        let _ =
            write!(page, "<section>\n<h2>{}</h2>\n<p>{}</p>\n", escape(section.title), section.explanation);
        page += &sections::findings(results, section.workload);
        page += "<div class=\"plots\">\n";
        for plot in &section.plots {
            page += &plot.figure();
        }
        page += "</div>\n";
        page += &sections::table(results, section.workload);
        page += "</section>\n";
    }
    page += &sections::failures(results);
    page += &sections::method();
    page += &sections::environment(results);
    page += "</main>\n</body>\n</html>\n";
    Ok(page)
}

/// Writes each plot as a file of its own into `folder`.
///
/// # Errors
/// Names the file that could not be written.
pub(crate) fn write_plots(results: &Results, folder: &std::path::Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("creating {}: {error}", folder.display()))?;
    for plot in plots::sections(results).iter().flat_map(|section| &section.plots) {
        let path = folder.join(format!("{}.svg", plot.file_name()));
        std::fs::write(&path, plot.standalone(STYLE))
            .map_err(|error| format!("writing {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Text escaped for HTML or SVG.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::wait::Wait;
    use crate::workload::{self, Workload};

    fn results() -> Results {
        let mut curved = sample::row();
        curved.timeline = vec![(0.5, 150.0, 300.0), (0.9, 151.0, 4999.0), (1.1, 160.0, 310.0)];
        curved.rounds = vec![crate::result::RoundFigures::default(); 2];
        curved.curve = vec![(0.0, 100.0), (0.5, 150.0), (0.99, 200.0), (0.9999, 900.0), (1.0, 5000.0)];
        let mut broken = sample::row();
        broken.mechanism = "pipe".into();
        broken.error = Some("killed by <SIGKILL> & \"more\"".into());
        let rare = |rate: f64, workload| crate::result::Row {
            workload,
            target_rate: Some(rate),
            achieved_rate: Some(rate / 2.0),
            ..curved.clone()
        };
        let with_ends = |workload, producers, consumers| crate::result::Row {
            workload,
            producers: Some(producers),
            consumers: Some(consumers),
            ..sample::stream("broadcast", Wait::SpinSleep, 40e6)
        };
        let receipt = |consumers| crate::result::Row {
            workload: Workload::Receipt,
            target_rate: Some(250.0),
            producers: Some(1),
            consumers: Some(consumers),
            last_ns: curved.one_way_ns,
            ..curved.clone()
        };
        let death = |workload| crate::result::Row { workload, ..curved.clone() };
        sample::results(vec![
            rare(1e3, Workload::Load),
            rare(1e4, Workload::Load),
            rare(1e2, Workload::Wake),
            with_ends(Workload::Fan, 8, 1),
            with_ends(Workload::Publish, 1, 1),
            with_ends(Workload::Publish, 1, 200),
            receipt(1),
            receipt(3),
            death(Workload::DeathTold),
            death(Workload::DeathRepaired),
            death(Workload::DeathReplaced),
            curved,
            sample::pingpong("sysv-msg", Wait::Sleep, 7000.0),
            sample::stream("spsc", Wait::Spin, 50e6),
            sample::stream("sysv-msg", Wait::Sleep, 1e6),
            broken,
        ])
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = text(&results()).expect("a page");
        for outside in ["http:", "https:", "//", "<script", "<img", "<iframe", "<object", "@import", "url("] {
            let found = page
                .match_indices(outside)
                .map(|(at, _)| &page[at.saturating_sub(5)..page.len().min(at + 60)]);
            // The namespace of SVG is a name, not an address to fetch.
            let found: Vec<_> = found.filter(|text| !text.contains("http://www.w3.org/2000/svg")).collect();
            assert!(found.is_empty(), "{outside}: {found:?}");
        }
        let references: Vec<_> = ["href=\"", "src=\""]
            .iter()
            .flat_map(|attribute| page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()))
            .collect();
        assert_eq!(references, ["data:,"], "an icon of nothing, so that none is asked for");
    }

    #[test]
    fn every_workload_has_a_section_with_plots() {
        let results = results();
        let sections = plots::sections(&results);
        let with_plots: Vec<_> = sections
            .iter()
            .filter(|section| !section.plots.is_empty())
            .map(|section| section.workload)
            .collect();
        assert_eq!(with_plots, workload::IN_ORDER);
        let page = text(&results).expect("a page");
        for words in ["A publication of 64 bytes", "After the kill", "8x1 broadcast", "keeps up with none"] {
            assert!(page.contains(words), "{words}: {page}");
        }
    }

    #[test]
    fn spinning_and_sleeping_never_share_a_plot() {
        let page = text(&results()).expect("a page");
        for plot in page.split("<figure>").skip(1).filter(|plot| plot.contains("One way, 64 bytes")) {
            let plot = plot.split("</figure>").next().unwrap_or_default();
            assert!(!(plot.contains(">spsc<") && plot.contains(">sysv-msg<")), "{plot}");
        }
    }

    #[test]
    fn every_row_is_in_the_page_and_text_is_escaped() {
        let page = text(&results()).expect("a page");
        assert!(page.contains("killed by &lt;SIGKILL&gt; &amp; &quot;more&quot;"));
        assert!(page.contains("50.0 M/s") && page.contains("7.00 µs") && page.contains("150 ns"), "{page}");
    }

    #[test]
    fn what_happened_over_time_is_a_line_for_each_round_and_dots() {
        let page = text(&results()).expect("a page");
        let plot = page.split("<figure>").find(|plot| plot.contains("Over time")).expect("a plot over time");
        let line = plot.lines().find(|line| line.contains("class=\"curve")).expect("a line");
        let begins = line.split("d=\"").nth(1).map(|path| path.matches('M').count());
        assert_eq!(begins, Some(2), "interrupted between the rounds: {line}");
        assert_eq!(plot.matches("dot\"").count(), 3, "{plot}");
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn elements_are_closed() {
        let page = text(&results()).expect("a page");
        for element in ["section", "figure", "svg", "table", "tr", "td", "th", "div", "ul", "li", "g", "p"] {
            let opened =
                page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
        }
    }
}
