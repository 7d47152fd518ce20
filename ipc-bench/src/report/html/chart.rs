//! Plots as SVG: curves over two axes, and marks on one axis with a line for each name.

use std::fmt::Write;

use super::escape;

/// Size of a plot in its own units; the page scales it.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 46.0;
/// Height of a line of a mark plot.
const ROW: f64 = 26.0;
/// Width of a letter, of the size that narrow pages have.
const LETTER: f64 = 8.2;
/// How many colours there are; further curves are dashed.
const COLOURS: usize = 8;

/// One axis: the positions of values, and which of them are labelled.
pub(super) struct Axis {
    pub(super) label: &'static str,
    low: f64,
    high: f64,
    /// Values to the even scale of the axis.
    scale: fn(f64) -> f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A logarithmic axis that holds the values, its ends at 1, 2 or 5 times a power of ten.
    pub(super) fn logarithmic(
        label: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        text: fn(f64) -> String,
    ) -> Axis {
        let positive = || values.clone().filter(|value| *value > 0.0);
        let low = positive().fold(f64::INFINITY, f64::min);
        let high = positive().fold(0.0, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
        let steps: Vec<f64> =
            (-2..13).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power))).collect();
        let start = steps.iter().rposition(|step| *step <= low).unwrap_or(0);
        let end = steps.iter().position(|step| *step >= high).unwrap_or(steps.len() - 1).max(start + 1);
        let inside = &steps[start..=end];
        let every = if inside.len() > 7 { 3 } else { 1 };
        let offset = if every == 3 { (3 - start % 3) % 3 } else { 0 };
        let ticks =
            inside.iter().skip(offset).step_by(every).map(|step| (*step, round(&text(*step)))).collect();
        Axis { label, low: steps[start], high: steps[end], scale: f64::log10, ticks }
    }

    /// A logarithmic axis with a line at each of the values that there are, such as message sizes.
    pub(super) fn at_values(
        label: &'static str,
        values: impl Iterator<Item = f64>,
        text: fn(f64) -> String,
    ) -> Axis {
        let mut values: Vec<_> = values.filter(|value| *value > 0.0).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (low, high) = match values[..] {
            [] => (1.0, 10.0),
            [only] => (only / 2.0, only * 2.0),
            [first, .., last] => (first, last),
        };
        let ticks = values.iter().map(|value| (*value, round(&text(*value)))).collect();
        Axis { label, low, high, scale: f64::log10, ticks }
    }

    /// An even axis over rounds: a line where each begins.
    pub(super) fn rounds(label: &'static str, rounds: usize) -> Axis {
        let every = rounds.div_ceil(10);
        let ticks = (0..rounds).step_by(every.max(1)).map(|round| (round as f64, (round + 1).to_string()));
        Axis { label, low: 0.0, high: rounds.max(1) as f64, scale: |value| value, ticks: ticks.collect() }
    }

    /// The axis of nines: 0 %, 90 %, 99 %, … equally far apart; values are quantiles.
    pub(super) fn nines(label: &'static str, most: f64) -> Axis {
        fn scale(quantile: f64) -> f64 {
            -(1.0 - quantile).max(1e-9).log10()
        }
        let most = scale(most).ceil().clamp(2.0, 7.0);
        let mut ticks = vec![(0.0, "0 %".to_owned())];
        // Next to further nines there is no room for it.
        if most <= 3.0 {
            ticks.push((0.5, "50 %".to_owned()));
        }
        for nines in 1..=most as usize {
            let text = match nines {
                1 => "90 %".to_owned(),
                2 => "99 %".to_owned(),
                _ => format!("99.{} %", "9".repeat(nines - 2)),
            };
            ticks.push((1.0 - 10f64.powi(-(nines as i32)), text));
        }
        Axis { label, low: 0.0, high: 1.0 - 10f64.powi(-(most as i32)), scale, ticks }
    }

    /// The position of a value between the ends, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        let (low, high) = ((self.scale)(self.low), (self.scale)(self.high));
        (((self.scale)(value) - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// A round number needs no digits after the point: "1 µs" for "1.00 µs".
fn round(text: &str) -> String {
    text.replacen(".00 ", " ", 1).replacen(".0 ", " ", 1)
}

/// Where a curve is interrupted.
pub(super) const GAP: (f64, f64) = (f64::NAN, f64::NAN);

/// A named run of points.
pub(super) struct Curve {
    pub(super) name: String,
    /// Which of the colours; beyond their number they repeat, dashed.
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, f64)>,
    /// Draws a mark at each point.
    pub(super) marked: bool,
    /// Isolated points.
    pub(super) dots: Vec<(f64, f64)>,
}

/// A named line of a mark plot: a bar from one value to another, and a mark on it.
pub(super) struct Marks {
    pub(super) name: String,
    pub(super) mark: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) text: String,
}

/// A finished plot.
pub(super) struct Plot {
    title: String,
    body: String,
    height: f64,
    /// The colours of the curves, reused with dashed lines when there are more curves, and their names.
    legend: Vec<(usize, String)>,
}

impl Plot {
    /// Curves over two axes.
    pub(super) fn curves(title: String, x: &Axis, y: &Axis, curves: &[Curve]) -> Plot {
        let at_x = |value| LEFT + x.part(value) * (WIDTH - LEFT - RIGHT);
        let at_y = |value| HEIGHT - BOTTOM - y.part(value) * (HEIGHT - TOP - BOTTOM);
        let mut body = String::new();
        // Writing to a string cannot fail, here and below.
        for (value, text) in &y.ticks {
            let (level, right) = (at_y(*value), WIDTH - RIGHT);
            let _ = writeln!(body, "<path class=\"grid\" d=\"M{LEFT} {level:.1}H{right}\"/>");
            let (left, base) = (LEFT - 6.0, level + 4.0);
            let _ = writeln!(
                body,
                "<text class=\"tick\" x=\"{left}\" y=\"{base:.1}\" text-anchor=\"end\">{}</text>",
                escape(text)
            );
        }
        body += &bottom_axis(x, HEIGHT - BOTTOM, &at_x);
        let _ = writeln!(
            body,
            "<text class=\"tick\" x=\"{LEFT}\" y=\"{}\">{}</text>",
            TOP - 9.0,
            escape(y.label)
        );
        for curve in curves {
            let line = |points: &[(f64, f64)]| {
                let points = points.iter().map(|(px, py)| format!("{:.1} {:.1}", at_x(*px), at_y(*py)));
                format!("M{}", points.collect::<Vec<_>>().join("L"))
            };
            let lines: String =
                curve.points.split(|(px, _)| px.is_nan()).filter(|part| !part.is_empty()).map(line).collect();
            let (stroke, colour, name) = (stroke(curve.colour), curve.colour % COLOURS, escape(&curve.name));
            let _ = writeln!(body, "<path class=\"{stroke}\" d=\"{lines}\"><title>{name}</title></path>");
            for (px, py) in &curve.dots {
                let (cx, cy) = (at_x(*px), at_y(*py));
                let _ = writeln!(
                    body,
                    "<circle class=\"f{colour} dot\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"1.6\"/>"
                );
            }
            for (px, py) in curve.points.iter().filter(|_| curve.marked) {
                let (cx, cy) = (at_x(*px), at_y(*py));
                let _ = writeln!(
                    body,
                    "<circle class=\"f{colour}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\"><title>{name}</title></circle>"
                );
            }
        }
        Plot {
            title,
            body,
            height: HEIGHT,
            legend: curves.iter().map(|curve| (curve.colour, curve.name.clone())).collect(),
        }
    }

    /// A line for each name: a bar and a mark on one axis.
    pub(super) fn marks(title: String, x: &Axis, rows: &[Marks]) -> Plot {
        let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let side = (14.0 + LETTER * longest as f64).clamp(60.0, WIDTH / 2.0);
        let at_x = |value| side + x.part(value) * (WIDTH - side - RIGHT - 60.0);
        let floor = TOP + ROW * rows.len() as f64;
        let mut body = bottom_axis(x, floor, &at_x);
        for (index, row) in rows.iter().enumerate() {
            let middle = TOP + ROW * (index as f64 + 0.5);
            let (from, to, mark) = (at_x(row.low), at_x(row.high), at_x(row.mark));
            let (names, base) = (side - 10.0, middle + 4.0);
            let (name, text) = (escape(&row.name), escape(&row.text));
            let _ = writeln!(
                body,
                "<text x=\"{names}\" y=\"{base:.1}\" text-anchor=\"end\">{name}</text>\n\
                 <path class=\"curve s0\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>\n\
                 <circle class=\"f0\" cx=\"{mark:.1}\" cy=\"{middle:.1}\" r=\"5\"><title>{name}: {text}</title></circle>\n\
                 <text x=\"{:.1}\" y=\"{base:.1}\">{text}</text>",
                to.max(mark) + 9.0
            );
        }
        Plot { title, body, height: floor + BOTTOM, legend: Vec::new() }
    }

    /// The plot with its title and legend, for the page.
    pub(super) fn figure(&self) -> String {
        let title = escape(&self.title);
        let mut text = format!("<figure>\n<figcaption>{title}</figcaption>\n{}", self.svg(""));
        if !self.legend.is_empty() {
            text += "<ul class=\"legend\">\n";
            for (colour, name) in &self.legend {
                let (stroke, name) = (stroke(*colour), escape(name));
                let _ = writeln!(
                    text,
                    "<li><svg viewBox=\"0 0 24 8\"><path class=\"{stroke}\" d=\"M0 4H24\"/></svg>{name}</li>"
                );
            }
            text += "</ul>\n";
        }
        text + "</figure>\n"
    }

    fn svg(&self, inside: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}\">\n\
             {inside}{}</svg>\n",
            self.height,
            escape(&self.title),
            self.body
        )
    }

    /// The plot as a file of its own: with style, background, and the names of the curves at their side.
    pub(super) fn standalone(&self, style: &str) -> String {
        let mut inside =
            format!("<style>{}</style>\n", escape(style).replace("&gt;", ">").replace("&quot;", "\""));
        inside += "<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n";
        for (index, (colour, name)) in self.legend.iter().enumerate() {
            let (stroke, base) = (stroke(*colour), TOP + 16.0 + 15.0 * index as f64);
            let (line, text) = (LEFT + 10.0, LEFT + 40.0);
            let _ = writeln!(
                inside,
                "<path class=\"{stroke}\" d=\"M{line} {}h24\"/>\n<text x=\"{text}\" y=\"{base}\">{}</text>",
                base - 4.0,
                escape(name)
            );
        }
        self.svg(&inside)
    }

    /// A name for the file: the title's letters and digits.
    pub(super) fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = self.title.chars().map(plain).collect();
        name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

/// The classes of a curve's line.
fn stroke(colour: usize) -> String {
    format!("curve s{}{}", colour % COLOURS, if colour < COLOURS { "" } else { " dashed" })
}

/// The step between labelled values, so that no two labels touch.
fn spacing(ticks: &[(f64, String)], at_x: &dyn Fn(f64) -> f64) -> usize {
    let fits = |every: &usize| {
        let written: Vec<_> = ticks.iter().step_by(*every).collect();
        written.windows(2).all(|pair| {
            let widest = pair.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0);
            // At the edge a number is next to its line.
            let last = at_x(pair[1].0).min(WIDTH - 2.0 - LETTER * pair[1].1.chars().count() as f64 / 2.0);
            last - at_x(pair[0].0) >= 8.0 + LETTER * widest as f64
        })
    };
    (1..=ticks.len()).find(fits).unwrap_or(1)
}

/// The lines and numbers of the lower axis, and its name.
fn bottom_axis(x: &Axis, floor: f64, at_x: &dyn Fn(f64) -> f64) -> String {
    let mut body = String::new();
    let mut first = f64::INFINITY;
    let every = spacing(&x.ticks, at_x);
    for (index, (value, text)) in x.ticks.iter().enumerate() {
        let place = at_x(*value);
        first = first.min(place);
        let _ = writeln!(body, "<path class=\"grid\" d=\"M{place:.1} {TOP}V{floor}\"/>");
        // Numbers that would touch are left out, evenly; their lines stay.
        if index.is_multiple_of(every) {
            let base = floor + 17.0;
            // At the edge the number is next to its line, not across the edge.
            let (anchor, shift) =
                if place > WIDTH - 30.0 { ("end", WIDTH - 2.0 - place) } else { ("middle", 0.0) };
            let _ = writeln!(
                body,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{base:.1}\" text-anchor=\"{anchor}\">{}</text>",
                place + shift,
                escape(text)
            );
        }
    }
    let (middle, base) = ((first + WIDTH - RIGHT) / 2.0, floor + 36.0);
    let label = escape(x.label);
    let _ = writeln!(
        body,
        "<text class=\"tick\" x=\"{middle:.1}\" y=\"{base:.1}\" text-anchor=\"middle\">{label}</text>"
    );
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_inside_their_axis() {
        let values = [143.0, 35_000.0];
        let axis = Axis::logarithmic("time", values.iter().copied(), crate::units::time);
        assert!(axis.low <= 143.0 && axis.high >= 35_000.0);
        assert!(values.iter().all(|value| (0.0..=1.0).contains(&axis.part(*value))));
        assert!(axis.ticks.len() >= 2, "{:?}", axis.ticks);
        assert!(axis.part(143.0) < axis.part(35_000.0));
    }

    #[test]
    fn nines_are_equally_far_apart() {
        let axis = Axis::nines("percentile", 0.9999);
        let step = axis.part(0.99) - axis.part(0.9);
        assert!((axis.part(0.999) - axis.part(0.99) - step).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_left_out_evenly() {
        let ticks: Vec<_> = (0..6).map(|value| (f64::from(value), "100 µs".to_owned())).collect();
        assert_eq!(spacing(&ticks, &|value| value * 100.0), 1);
        assert_eq!(spacing(&ticks, &|value| value * 30.0), 2);
        assert_eq!(spacing(&ticks, &|value| value * 20.0), 3);
        assert_eq!(
            (round("1.00 µs"), round("10.0 ms"), round("1.50 s")),
            ("1 µs".into(), "10 ms".into(), "1.50 s".into())
        );
    }

    #[test]
    fn a_line_for_each_size_that_there_is() {
        let axis = Axis::at_values("size", [1024.0, 8.0, 64.0, 8.0].into_iter(), |size| format!("{size} B"));
        assert_eq!(axis.ticks.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [8.0, 64.0, 1024.0]);
        assert_eq!((axis.part(8.0), axis.part(1024.0)), (0.0, 1.0));
    }

    #[test]
    fn one_value_alone_makes_an_axis() {
        let axis = Axis::logarithmic("time", [100.0].into_iter(), crate::units::time);
        assert!(axis.low < axis.high);
    }
}
