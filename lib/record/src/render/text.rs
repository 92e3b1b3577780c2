//! Records for a person at a terminal: aligned, coloured by state.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{Record, State};

/// How it is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextOptions {
    /// Colour the states (ANSI).
    pub color: bool,
    /// Cut the lines to so many columns.
    pub width: Option<usize>,
    /// From 1 on, what is OK shows its detail too; from 2 on, everything shows its metrics.
    pub verbose: u8,
}

/// The widest that a column grows to before it stops making room.
const COLUMN_LIMIT: usize = 48;

/// A line for each record, in their order, with what is behind it indented below.
#[must_use]
pub fn text(records: &[Record], options: &TextOptions) -> String {
    let several_hosts = records.windows(2).any(|pair| pair[0].host != pair[1].host);
    let rows: Vec<[String; 3]> = records
        .iter()
        .map(|record| {
            let host = if several_hosts || record.from.is_some() {
                record.host.clone()
            } else {
                String::new()
            };
            [
                host,
                record.check.clone(),
                record.object.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let widths: [usize; 3] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].width())
            .max()
            .unwrap_or_default()
            .min(COLUMN_LIMIT)
    });
    let mut out = String::new();
    for (record, row) in records.iter().zip(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            let padding = width.saturating_sub(cell.width());
            let _ = write!(line, "{cell}{:padding$}  ", "");
        }
        line.push_str(&record.summary);
        push_line(
            &mut out,
            &colored(record.state, options.color),
            STATE_WIDTH,
            &line,
            options.width,
        );
        if record.state != State::Ok || options.verbose > 0 {
            for detail in &record.detail {
                push_line(
                    &mut out,
                    &" ".repeat(STATE_WIDTH),
                    STATE_WIDTH,
                    &format!("  {detail}"),
                    options.width,
                );
            }
        }
        if options.verbose > 1 {
            for metric in &record.metrics {
                let value = metric
                    .value
                    .map_or_else(|| "unknown".to_owned(), |value| value.to_string());
                let line = format!("  {} {value} {}", metric.name, metric.unit);
                push_line(
                    &mut out,
                    &" ".repeat(STATE_WIDTH),
                    STATE_WIDTH,
                    line.trim_end(),
                    options.width,
                );
            }
        }
    }
    out
}

/// The longest state and a gap.
const STATE_WIDTH: usize = 10;

fn colored(state: State, color: bool) -> String {
    let word = format!("{:<STATE_WIDTH$}", state.label());
    if !color {
        return word;
    }
    let code = match state {
        State::Ok => "32",
        State::Warning => "33",
        State::Unknown => "35",
        State::Critical => "1;31",
    };
    format!("\x1b[{code}m{word}\x1b[0m")
}

fn push_line(out: &mut String, head: &str, head_width: usize, line: &str, width: Option<usize>) {
    out.push_str(head);
    match width {
        Some(width) if head_width + line.width() > width => {
            let mut left = width.saturating_sub(head_width + 1);
            for character in line.chars() {
                let columns = character.width().unwrap_or_default();
                if columns > left {
                    break;
                }
                left -= columns;
                out.push(character);
            }
            out.push('…');
        }
        _ => out.push_str(line),
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Metric, testing::record};

    fn sample() -> Vec<Record> {
        vec![
            record(
                "disk",
                Finding::new(State::Critical, "3% free")
                    .object("/srv/größe")
                    .detail("largest: /srv/x"),
            ),
            record(
                "load",
                Finding::new(State::Ok, "quiet")
                    .detail("not shown")
                    .metric(Metric::new("load1", 1i64, "")),
            ),
        ]
    }

    #[test]
    fn columns_align_and_only_trouble_shows_its_detail() {
        assert_eq!(
            text(&sample(), &TextOptions::default()),
            "CRITICAL  disk  /srv/größe  3% free\n            largest: /srv/x\nOK        load              quiet\n"
        );
    }

    #[test]
    fn more_is_said_when_asked() {
        let options = TextOptions {
            verbose: 2,
            ..TextOptions::default()
        };
        assert!(
            text(&sample(), &options)
                .ends_with("  quiet\n            not shown\n            load1 1\n")
        );
    }

    #[test]
    fn lines_are_cut_by_columns_not_bytes_and_colour_does_not_count() {
        let options = TextOptions {
            width: Some(24),
            color: true,
            verbose: 0,
        };
        let out = text(&sample()[..1], &options);
        assert_eq!(
            out.lines().next().unwrap(),
            "\x1b[1;31mCRITICAL  \x1b[0mdisk  /srv/gr…"
        );
        let wide = record("x", Finding::new(State::Ok, "漢字漢字漢字"));
        assert_eq!(
            text(
                &[wide],
                &TextOptions {
                    width: Some(19),
                    ..options
                }
            )
            .trim_end(),
            "\x1b[32mOK        \x1b[0mx  漢字…"
        );
    }

    #[test]
    fn hosts_are_named_where_they_are_not_this_one_or_differ() {
        let remote = record("http", Finding::new(State::Ok, "fine").host("www"));
        assert_eq!(
            text(&[remote], &TextOptions::default()),
            "OK        www  http  fine\n"
        );
    }
}
