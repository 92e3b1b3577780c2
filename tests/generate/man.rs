//! Man pages: `ce-check(1)` for the whole, `ce-check-CHECK(1)` for each check and command.

use std::fmt::Write as _;
use std::path::PathBuf;

use ce_check::{CHECKS, Check};
use clap::Command;

/// Every page and its text in roff.
pub(crate) fn pages() -> Vec<(PathBuf, Vec<u8>)> {
    let mut whole = ce_check::command();
    whole.build();
    let mut pages = vec![overview(&whole)];
    for command in whole.get_subcommands() {
        let check = CHECKS
            .iter()
            .copied()
            .find(|check| check.name == command.get_name());
        pages.push(page(command, check));
    }
    pages
        .into_iter()
        .map(|(name, text)| (PathBuf::from(format!("man/{name}.1")), text.into_bytes()))
        .collect()
}

/// A page under construction.
struct Page(String);

impl Page {
    fn new(name: &str, about: &str) -> Self {
        let mut page = Self(String::new());
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(
            page.0,
            ".TH {} 1 \"\" \"ce {version}\" \"ce manual\"",
            name.to_uppercase()
        );
        page.heading("NAME");
        page.paragraph(&format!("{name} - {}", decapitalised(about)));
        page
    }

    fn heading(&mut self, words: &str) {
        let _ = writeln!(self.0, ".SH {words}");
    }

    fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, ".PP\n{}", escape(text));
    }

    /// A term in bold and what it means.
    fn item(&mut self, term: &str, meaning: &str) {
        let _ = writeln!(self.0, ".TP\n\\fB{}\\fR\n{}", escape(term), escape(meaning));
    }

    fn bullet(&mut self, text: &str) {
        let _ = writeln!(self.0, ".IP \\(bu 2\n{}", escape(text));
    }

    /// Lines as they are.
    fn verbatim(&mut self, text: &str) {
        let _ = writeln!(self.0, ".nf\n{}\n.fi", escape(text));
    }
}

/// roff reads `\`, `-` and a leading `.` or `'` as its own.
fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .lines()
        .map(|line| {
            if line.starts_with(['.', '\'']) {
                format!("\\&{line}")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn decapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn overview(whole: &Command) -> (String, String) {
    let mut page = Page::new("ce-check", &about(whole));
    page.heading("SYNOPSIS");
    page.paragraph("ce-check CHECK [OPTIONS]");
    page.heading("DESCRIPTION");
    let long = whole
        .get_long_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (first, rest) = long.split_once("\n\n").unwrap_or((&long, ""));
    page.paragraph(first);
    let examples = rest.split_once("\n\n").map_or(rest, |(examples, after)| {
        page.paragraph(after);
        examples
    });
    page.paragraph(
        "Called through a link named as a plugin of the monitoring-plugins, check_disk or check_http for example, it \
         takes that plugin's flags, writes its kind of line and ends with its exit codes; each check's page lists \
         where it deviates, and why.",
    );
    page.heading("CHECKS AND COMMANDS");
    for command in whole.get_subcommands() {
        page.item(
            &format!("ce-check-{}(1)", command.get_name()),
            &about(command),
        );
    }
    page.heading("EXAMPLES");
    page.verbatim(examples.trim_start_matches("Examples:\n"));
    endings(
        &mut page,
        "ce-check-run(1), ce-check-render(1), ce-check-submit(1)",
    );
    ("ce-check".to_owned(), page.0)
}

fn page(command: &Command, check: Option<&Check>) -> (String, String) {
    let name = format!("ce-check-{}", command.get_name());
    let mut page = Page::new(&name, &about(command));
    page.heading("SYNOPSIS");
    let positionals: String = command
        .get_positionals()
        .map(|argument| {
            let names: Vec<String> = argument
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect();
            let words = names.join(" ");
            if argument.is_required_set() {
                format!(" {words}")
            } else {
                format!(" [{words}]")
            }
        })
        .collect();
    page.paragraph(&format!(
        "ce-check {} [OPTIONS]{positionals}",
        command.get_name()
    ));
    page.heading("DESCRIPTION");
    let long = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    for paragraph in long.split("\n\n") {
        page.paragraph(paragraph);
    }
    options(&mut page, command);
    if let Some(check) = check {
        documented(&mut page, check);
    }
    if let Some(examples) = command.get_after_help() {
        page.heading("EXAMPLES");
        page.verbatim(examples.to_string().trim_start_matches("Examples:\n"));
    }
    endings(&mut page, "ce-check(1)");
    (name, page.0)
}

fn options(page: &mut Page, command: &Command) {
    page.heading("OPTIONS");
    for argument in command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
    {
        let mut names: Vec<String> = Vec::new();
        names.extend(argument.get_short().map(|short| format!("-{short}")));
        names.extend(argument.get_long().map(|long| format!("--{long}")));
        names.extend(
            argument
                .get_visible_aliases()
                .unwrap_or_default()
                .iter()
                .map(|alias| format!("--{alias}")),
        );
        let takes_value = argument
            .get_num_args()
            .is_none_or(|range| range.takes_values())
            && argument.get_action().takes_values();
        let names_of_values = argument
            .get_value_names()
            .filter(|_| takes_value)
            .unwrap_or_default();
        let values: Vec<String> = names_of_values.iter().map(ToString::to_string).collect();
        let term = format!("{} {}", names.join(", "), values.join(" "));
        let mut help = argument
            .get_long_help()
            .or(argument.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        if !argument.is_hide_default_value_set()
            && !argument.get_default_values().is_empty()
            && !values.is_empty()
        {
            let defaults: Vec<_> = argument
                .get_default_values()
                .iter()
                .map(|value| value.to_string_lossy())
                .collect();
            let _ = write!(help, " [default: {}]", defaults.join(" "));
        }
        page.item(term.trim(), &help);
    }
}

/// What the record holds, and what the check stands in for.
fn documented(page: &mut Page, check: &Check) {
    if !check.metrics.is_empty() {
        page.heading("METRICS");
        for metric in check.metrics {
            let unit = if metric.unit.is_empty() {
                String::new()
            } else {
                format!(" ({})", metric.unit)
            };
            page.item(&format!("{}{unit}", metric.name), metric.about);
        }
    }
    if !check.data.is_empty() {
        page.heading("DATA");
        for field in check.data {
            page.item(&format!("{} ({})", field.name, field.kind), field.about);
        }
    }
    for plugin in check.plugins {
        page.heading(&format!("\"AS {}\"", plugin.name.to_uppercase()));
        page.paragraph(&format!("Called by the name {}, it differs from that plugin of the monitoring-plugins 2.3 in this:", plugin.name));
        for deviation in plugin.deviations.iter().chain(ce_check::DEVIATIONS) {
            page.bullet(deviation);
        }
    }
}

fn endings(page: &mut Page, see_also: &str) {
    page.heading("EXIT STATUS");
    for (code, meaning) in [
        ("0", "OK"),
        ("1", "WARNING"),
        ("2", "CRITICAL"),
        (
            "3",
            "UNKNOWN: wrong usage or configuration, something could not be read, a timeout of its own, a fault",
        ),
    ] {
        page.item(code, meaning);
    }
    page.heading("FILES");
    page.item("/var/lib/ce", "State between runs; for users other than root $XDG_STATE_HOME/ce; CE_STATE_DIR overrides both");
    page.item(
        "/usr/share/ce/schema",
        "JSON Schemas of the record and of what ce-check adds",
    );
    page.heading("SEE ALSO");
    page.paragraph(see_also);
}
