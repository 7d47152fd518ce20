//! Rules such as `p99>+5%`: what counts as worse.

use std::str::FromStr;

use crate::histogram::Percentiles;
use crate::result::{RoundFigures, Row};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
    Mean,
    Rate,
}

const METRICS: &[(&str, Metric)] = &[
    ("p50", Metric::P50),
    ("p90", Metric::P90),
    ("p99", Metric::P99),
    ("p999", Metric::P999),
    ("p9999", Metric::P9999),
    ("max", Metric::Max),
    ("mean", Metric::Mean),
    ("rate", Metric::Rate),
];

impl Metric {
    /// Its name in rules and tables.
    pub(crate) fn name(self) -> &'static str {
        METRICS.iter().find(|(_, metric)| *metric == self).map_or("?", |(name, _)| name)
    }

    /// The metric in each round of a row that has it.
    pub(crate) fn of_rounds(self, row: &Row) -> Vec<f64> {
        row.rounds.iter().filter_map(|round| self.of(round)).collect()
    }

    fn of(self, round: &RoundFigures) -> Option<f64> {
        let latency = |of: fn(Percentiles) -> f64| round.one_way_ns.map(of);
        match self {
            Metric::P50 => latency(|latency| latency.p50),
            Metric::P90 => latency(|latency| latency.p90),
            Metric::P99 => latency(|latency| latency.p99),
            Metric::P999 => latency(|latency| latency.p999),
            Metric::P9999 => latency(|latency| latency.p9999),
            Metric::Max => latency(|latency| latency.max),
            Metric::Mean => latency(|latency| latency.mean),
            Metric::Rate => round.messages_per_second,
        }
    }
}

/// A rule such as `p99>+5%`: the row is worse when the metric grew by more than 5 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    metric: Metric,
    /// The change allowed, as a part: 0.05, or -0.05 for `<-5%`.
    limit: f64,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        let shape = "a rule looks like p99>+5% or rate<-10%";
        let at = text.find(['<', '>']).ok_or(shape)?;
        let (name, limit) = text.split_at(at);
        let metric = METRICS.iter().find(|(known, _)| *known == name.trim()).map(|(_, metric)| *metric);
        let metric = metric.ok_or_else(|| format!("{name} is no metric; {shape}"))?;
        let grows = limit.starts_with('>');
        let percent = limit[1..].trim().strip_suffix('%').ok_or(shape)?;
        let limit = percent.trim().parse::<f64>().map_err(|_| shape)? / 100.0;
        if grows == (limit >= 0.0) { Ok(Rule { metric, limit }) } else { Err(shape.into()) }
    }
}

impl Rule {
    /// What is compared.
    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether a change, as a part, is further than the rule allows.
    pub(crate) fn is_beyond(&self, change: f64) -> bool {
        if self.limit >= 0.0 { change > self.limit } else { change < self.limit }
    }

    /// Whether one change is further to the bad side than another.
    pub(crate) fn is_worse(&self, one: f64, other: f64) -> bool {
        if self.limit >= 0.0 { one > other } else { one < other }
    }

    /// Whether an interval of changes reaches further than the rule allows.
    pub(crate) fn may_be_beyond(&self, (low, high): (f64, f64)) -> bool {
        self.is_beyond(if self.limit >= 0.0 { high } else { low })
    }

    /// Whether an interval of changes lies wholly on the bad side of zero.
    pub(crate) fn is_surely_worse(&self, (low, high): (f64, f64)) -> bool {
        if self.limit >= 0.0 { low > 0.0 } else { high < 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        assert_eq!("p99>+5%".parse(), Ok(Rule { metric: Metric::P99, limit: 0.05 }));
        assert_eq!("rate<-10%".parse(), Ok(Rule { metric: Metric::Rate, limit: -0.1 }));
        for wrong in ["p98>+5%", "p99>-5%", "p99", "p99>+x%", "rate<+5%"] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn worse_has_a_direction() {
        let slower: Rule = "p50>+10%".parse().expect("a rule");
        assert!(slower.is_beyond(0.11) && !slower.is_beyond(0.09) && !slower.is_beyond(-0.5));
        assert!(slower.is_surely_worse((0.01, 0.2)) && !slower.is_surely_worse((-0.01, 0.2)));
        assert!(slower.may_be_beyond((-0.5, 0.11)) && !slower.may_be_beyond((-0.5, 0.09)));
        let fewer: Rule = "rate<-10%".parse().expect("a rule");
        assert!(fewer.is_beyond(-0.11) && !fewer.is_beyond(0.5));
        assert!(fewer.is_surely_worse((-0.2, -0.01)) && !fewer.is_surely_worse((-0.2, 0.01)));
        assert!(fewer.may_be_beyond((-0.11, 0.5)) && !fewer.may_be_beyond((-0.09, 0.5)));
    }
}
