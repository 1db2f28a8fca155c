//! A reader of OpenMetrics text that accepts no mistake, after the format's specification as far as gauges, counters,
//! histograms and infos go.

use std::collections::{BTreeMap, HashSet};

/// What a page tells, by the name of each family.
#[derive(Debug)]
pub(super) struct Page(BTreeMap<String, Family>);

#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: Option<String>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    suffix: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the page ends with # EOF");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let (what, rest) = comment.split_once(' ').unwrap();
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                assert!(is_name(name), "{line}");
                if what == "HELP" {
                    assert!(!families.contains_key(name), "two families are one: {line}");
                    assert!(!text.is_empty(), "{line}");
                    current = name.to_owned();
                    families.insert(current.clone(), Family::default());
                }
                assert_eq!(name, current, "what is said of a family stands together: {line}");
                let family = families.get_mut(&current).unwrap();
                assert!(family.samples.is_empty(), "{line}");
                match what {
                    "HELP" => {}
                    "TYPE" => family.kind = text.to_owned(),
                    "UNIT" => family.unit = Some(text.to_owned()),
                    _ => panic!("an unknown comment: {line}"),
                }
                continue;
            }
            let sample = Sample::read(line, &current);
            families.get_mut(&current).expect("a sample follows its family").samples.push(sample);
        }
        families.iter().for_each(|(name, family)| family.check(name));
        Self(families)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a sample, by its whole name and its labels as they are written.
    pub(super) fn value(&self, sample: &str) -> f64 {
        self.find(sample).unwrap_or_else(|| panic!("there is no {sample}"))
    }

    pub(super) fn find(&self, sample: &str) -> Option<f64> {
        let written = |name: &str, sample: &Sample| {
            let labels: Vec<_> = sample.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            format!("{name}{}{labels}", sample.suffix)
        };
        let mut all = self.0.iter().flat_map(|(name, family)| family.samples.iter().map(move |sample| (name, sample)));
        all.find(|(name, other)| written(name, other) == sample).map(|(_, sample)| sample.value)
    }
}

impl Sample {
    fn read(line: &str, family: &str) -> Self {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (name, labels) = match name.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
            None => (name, ""),
        };
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is none of {family}"));
        Self { suffix: suffix.to_owned(), labels: read_labels(labels), value: value.parse().unwrap() }
    }
}

/// Labels as they are written, `a="b",c="d"`, with `\\`, `\"` and `\n` in values.
fn read_labels(text: &str) -> Vec<(String, String)> {
    let (mut labels, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        assert!(is_name(key), "{key}");
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("no end: {rest}")) {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => panic!("{other:?} needs no escape"),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((key.to_owned(), value));
        rest = &after[end..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("no comma: {rest}"));
        }
    }
    labels
}

impl Family {
    fn check(&self, name: &str) {
        let allowed: &[&str] = match self.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            kind => panic!("{name} is a {kind:?}"),
        };
        if let Some(unit) = &self.unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name} is in {unit}");
        }
        let mut seen = HashSet::new();
        for sample in &self.samples {
            assert!(allowed.contains(&sample.suffix.as_str()), "{name}: {sample:?}");
            assert!(seen.insert((&sample.suffix, &sample.labels)), "{name}: twice {sample:?}");
            let whole = sample.value >= 0.0 && sample.value.fract() == 0.0;
            assert!(whole || sample.suffix == "_sum" || self.kind == "gauge", "{name}: {sample:?}");
        }
        if self.kind == "histogram" {
            self.check_buckets(name);
        }
    }

    fn check_buckets(&self, name: &str) {
        let part = |suffix| self.samples.iter().filter(move |sample| sample.suffix == suffix);
        let bound =
            |sample: &Sample| sample.labels.iter().find(|(key, _)| key == "le").unwrap().1.parse::<f64>().unwrap();
        let buckets: Vec<_> = part("_bucket").map(|sample| (bound(sample), sample.value)).collect();
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}: {buckets:?}");
        let (last, count) = *buckets.last().unwrap();
        assert!(last.is_infinite(), "{name} has no bucket for all");
        assert_eq!(part("_count").map(|sample| sample.value).collect::<Vec<_>>(), [count], "{name}");
        assert_eq!(part("_sum").count(), 1, "{name}");
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
