//! One plugin output for any number of records: `STATE: text | perfdata`, more lines behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::scope::{self, Scope};
use crate::{Metric, Record, State, one_line, perfdata};

/// What Nagios Core keeps of an output, perfdata included (MAX_PLUGIN_OUTPUT_LENGTH), in bytes.
pub const NAGIOS_LIMIT_BYTES: usize = 8192;

/// The share of it that perfdata may take from the text.
const PERFDATA_BYTES: usize = NAGIOS_LIMIT_BYTES / 2;

/// The first line may have so many bytes: a phone shows less.
const FIRST_LINE_BYTES: usize = 1024;

/// Gives the perfdata item for a metric, its name being the label; `None` leaves it out.
pub type Perfdata<'a> = &'a dyn Fn(&Record, &Metric) -> Option<Metric>;

/// How it is written.
#[derive(Clone, Copy, Default)]
pub struct NagiosOptions<'a> {
    /// A word in front of the state, `DISK OK - ...`, as the plugins of old have it.
    pub word: Option<&'a str>,
    /// The perfdata of a drop-in.
    pub perfdata: Option<Perfdata<'a>>,
    /// From 1 on, what is OK has a line too.
    pub verbose: u8,
}

impl std::fmt::Debug for NagiosOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NagiosOptions")
            .field("word", &self.word)
            .field("verbose", &self.verbose)
            .finish_non_exhaustive()
    }
}

/// The whole output with its last newline, at most [`NAGIOS_LIMIT_BYTES`] long: what does not fit is counted.
#[must_use]
pub fn nagios(records: &[Record], options: &NagiosOptions<'_>) -> String {
    let (first, mut long) = lines(records, options);
    let mut output = first;
    let items = items(records, options);
    if !items.is_empty() {
        output.push_str(" |");
        // Perfdata may use what the long text leaves, and its own share at least.
        let long_bytes: usize = long.iter().map(|line| line.len() + 1).sum();
        let room =
            PERFDATA_BYTES.max(NAGIOS_LIMIT_BYTES.saturating_sub(output.len() + long_bytes + 64));
        let start = output.len();
        for (at, item) in items.iter().enumerate() {
            if output.len() - start + item.len() + 1 > room {
                long.push(format!("(+{} more metrics)", items.len() - at));
                break;
            }
            output.push(' ');
            output.push_str(item);
        }
    }
    output.push('\n');
    append_lines(&mut output, &long, NAGIOS_LIMIT_BYTES);
    output
}

/// The text without perfdata, and the perfdata item by item, for readers that take them apart.
#[must_use]
pub fn nagios_parts(records: &[Record], options: &NagiosOptions<'_>) -> (String, Vec<String>) {
    let (mut text, long) = lines(records, options);
    text.push('\n');
    append_lines(&mut text, &long, NAGIOS_LIMIT_BYTES);
    text.truncate(text.trim_end().len());
    (text, items(records, options))
}

fn append_lines(output: &mut String, lines: &[String], limit: usize) {
    const ROOM_FOR_REST: usize = 24;
    for (at, line) in lines.iter().enumerate() {
        let is_last = at + 1 == lines.len();
        let reserve = if is_last { 0 } else { ROOM_FOR_REST };
        if output.len() + line.len() + 1 + reserve > limit {
            let _ = writeln!(output, "(+{} more lines)", lines.len() - at);
            return;
        }
        output.push_str(line);
        output.push('\n');
    }
}

/// The first line without perfdata, and those behind it.
fn lines(records: &[Record], options: &NagiosOptions<'_>) -> (String, Vec<String>) {
    let sorted = scope::worst_first(records);
    let state = State::worst(records.iter().map(|record| record.state));
    let scope = Scope::of(records);
    let named = |record: &Record| match scope.subject(record) {
        subject if subject.is_empty() => record.summary.clone(),
        subject => format!("{subject}: {}", record.summary),
    };
    let text = match sorted.split_first() {
        None => "no record".to_owned(),
        Some((one, [])) => named(one),
        Some((_, _)) if state == State::Ok => {
            let all: Vec<String> = sorted.iter().map(|record| named(record)).collect();
            format!("{} ok: {}", sorted.len(), all.join(", "))
        }
        Some((worst, rest)) => format!("{} (+{})", named(worst), scope::tally(rest)),
    };
    let text = scope::cut(&text, FIRST_LINE_BYTES);
    let first = match options.word {
        Some(word) => format!("{word} {} - {text}", state.label()),
        None => format!("{}: {text}", state.label()),
    };
    let mut long = Vec::new();
    for record in sorted {
        let shown = record.state != State::Ok || options.verbose > 0;
        if records.len() > 1 && shown {
            long.push(format!("{}: {}", record.state.label(), named(record)));
        }
        if shown || records.len() == 1 {
            long.extend(record.detail.iter().cloned());
        }
    }
    // A bar would start perfdata; records made here have none, those of others may.
    let clean = |line: String| one_line(&line);
    (clean(first), long.into_iter().map(clean).collect())
}

fn items(records: &[Record], options: &NagiosOptions<'_>) -> Vec<String> {
    let label = Labels::of(records);
    let mut items = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        for metric in &record.metrics {
            let (name, metric) = match options.perfdata {
                None => (label.of_metric(record, metric), metric.clone()),
                Some(perfdata) => match perfdata(record, metric) {
                    Some(metric) => (metric.name.to_string(), metric),
                    None => continue,
                },
            };
            // A label that stands twice is one series to every reader: the first counts.
            if *seen
                .entry(name.clone())
                .and_modify(|count| *count += 1)
                .or_insert(1)
                > 1
            {
                continue;
            }
            let mut item = String::new();
            perfdata::write(&mut item, &name, &metric);
            items.push(item);
        }
    }
    items
}

/// How metrics are labelled: the same whatever the state and however many objects there are today.
struct Labels {
    plain: bool,
    scope: Scope,
}

impl Labels {
    fn of(records: &[Record]) -> Self {
        // One thing seen over the network, or what a wrapped plugin said: nothing else shares its labels.
        let plain = matches!(records, [record] if record.from.is_some() || record.check == "exec");
        Self {
            plain,
            scope: Scope::of(records),
        }
    }

    fn of_metric(&self, record: &Record, metric: &Metric) -> String {
        if self.plain {
            return metric.name.to_string();
        }
        let Scope {
            hosts,
            checks,
            vantages,
        } = self.scope;
        let words = [
            record.from.as_deref().filter(|_| vantages),
            hosts.then_some(record.host.as_str()),
            (hosts || checks).then_some(record.check.as_str()),
            record.object.as_deref(),
            Some(&*metric.name),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join("_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, testing::record};

    fn render(records: &[Record]) -> String {
        nagios(records, &NagiosOptions::default())
    }

    #[test]
    fn one_record_is_a_plugins_line_with_its_detail_behind_it() {
        let finding = Finding::new(State::Warning, "busy")
            .detail("why")
            .metric(Metric::new("load1", 5i64, ""));
        assert_eq!(
            render(&[record("load", finding)]),
            "WARNING: busy | load1=5\nwhy\n"
        );
        assert_eq!(render(&[]), "UNKNOWN: no record\n");
    }

    #[test]
    fn of_several_the_worst_has_the_first_line_and_the_rest_is_counted() {
        let disk = |object: &str, state: State, words: &str| {
            record(
                "disk",
                Finding::new(state, words)
                    .object(object)
                    .metric(Metric::new("used", 1i64, "B")),
            )
        };
        let records = [
            disk("/", State::Ok, "fine"),
            disk("/a", State::Critical, "full"),
            disk("/b c", State::Warning, "low"),
        ];
        assert_eq!(
            render(&records),
            "CRITICAL: /a: full (+1 warning, 1 ok) | /_used=1B /a_used=1B '/b c_used'=1B\n\
             CRITICAL: /a: full\nWARNING: /b c: low\n"
        );
        assert_eq!(render(&records[..1]), "OK: /: fine | /_used=1B\n");
        let all_ok = [
            disk("/", State::Ok, "fine"),
            disk("/a", State::Ok, "fine too"),
        ];
        assert_eq!(
            render(&all_ok),
            "OK: 2 ok: /: fine, /a: fine too | /_used=1B /a_used=1B\n"
        );
    }

    #[test]
    fn labels_name_what_tells_series_apart_and_no_more() {
        let metric = || Metric::new("time", 1i64, "us");
        let remote = |host: &str| {
            record(
                "http",
                Finding::new(State::Ok, "x")
                    .host(host)
                    .object("/user")
                    .metric(metric()),
            )
        };
        assert!(render(&[remote("www")]).ends_with("| time=1us\n"));
        assert!(
            render(&[remote("a"), remote("b")])
                .ends_with("| a_http_/user_time=1us b_http_/user_time=1us\n")
        );
        let local = record("load", Finding::new(State::Ok, "x").metric(metric()));
        let job = record(
            "job",
            Finding::new(State::Ok, "x").object("dump").metric(metric()),
        );
        assert!(render(&[local, job]).ends_with("| load_time=1us job_dump_time=1us\n"));
    }

    #[test]
    fn a_drop_in_has_its_word_and_its_own_labels() {
        let finding = Finding::new(State::Ok, "fine")
            .object("/")
            .metric(Metric::new("used", 1i64, "B"))
            .metric(Metric::new("x", 2i64, ""));
        let perfdata = |record: &Record, metric: &Metric| {
            (metric.name == "used").then(|| {
                metric
                    .clone()
                    .named(record.object.clone().unwrap_or_default())
            })
        };
        let options = NagiosOptions {
            word: Some("DISK"),
            perfdata: Some(&perfdata),
            verbose: 0,
        };
        assert_eq!(
            nagios(&[record("disk", finding)], &options),
            "DISK OK - /: fine | /=1B\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_counted_and_no_item_is_cut_within() {
        let many: Vec<Record> = (0..2000)
            .map(|n| {
                record(
                    "disk",
                    Finding::new(State::Critical, "ü".repeat(50))
                        .object(format!("/d{n}"))
                        .metric(Metric::new("used", 1i64, "B")),
                )
            })
            .collect();
        let output = render(&many);
        assert!(output.len() <= NAGIOS_LIMIT_BYTES, "{}", output.len());
        assert!(output.trim_end().ends_with("more lines)"), "{output}");
        let (_, items) = output.lines().next().unwrap().split_once(" | ").unwrap();
        assert!(items.split(' ').all(|item| item.ends_with("_used=1B")));
        let long = render(&[record("x", Finding::new(State::Ok, "y".repeat(20_000)))]);
        assert!(long.len() < 1100);
    }
}
