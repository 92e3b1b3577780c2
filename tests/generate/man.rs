//! Man pages: one for each program, and one for each of its commands, `ce-check-disk(1)`.

use std::fmt::Write as _;
use std::path::PathBuf;

use ce_check::{CHECKS, Check};
use clap::Command;

/// Every page and its text in roff.
pub(crate) fn pages() -> Vec<(PathBuf, Vec<u8>)> {
    let mut pages = Vec::new();
    for program in PROGRAMS {
        let mut whole = (program.command)();
        whole.build();
        pages.push(overview(program, &whole));
        below(program, &whole, program.name, &mut pages);
    }
    pages
        .into_iter()
        .map(|(name, text)| (PathBuf::from(format!("man/{name}.1")), text.into_bytes()))
        .collect()
}

/// A page for each command; for a group of commands, for each of these.
fn below(program: &Program, parent: &Command, prefix: &str, pages: &mut Vec<(String, String)>) {
    for command in parent.get_subcommands() {
        if command.has_subcommands() {
            let prefix = format!("{prefix}-{}", command.get_name());
            below(program, command, &prefix, pages);
        } else {
            pages.push(page(program, command, prefix));
        }
    }
}

/// A program that has pages.
struct Program {
    name: &'static str,
    command: fn() -> Command,
    synopsis: &'static str,
    /// What the overview says besides.
    more: &'static str,
    commands: &'static str,
    /// What the exit codes mean.
    endings: [&'static str; 4],
    see_also: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const STATE: (&str, &str) = (
    "/var/lib/ce",
    "State between runs; for users other than root $XDG_STATE_HOME/ce; CE_STATE_DIR overrides both",
);

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "CE_CONFIG_DIR, CE_STATE_DIR, CE_CACHE_DIR",
        "Folders in place of /etc/ce, /var/lib/ce and /var/cache/ce",
    ),
    (
        "CE_HOST",
        "The name of this machine in records, in place of the host name",
    ),
];

const PROGRAMS: &[Program] = &[
    Program {
        name: "ce-backup",
        command: ce_backup::command,
        synopsis: "ce-backup COMMAND [OPTIONS]",
        more: "REPO is a folder, or swift:CONTAINER[/FOLDER], s3:BUCKET[/FOLDER], s3:https://HOST/BUCKET[/FOLDER], \
               sftp:USER@HOST:FOLDER, sftp://USER@HOST:PORT/FOLDER, or a name that the configuration gives to one of these. The server's own \
               key, which is made by init, lets it write, deduplicate and list; the organisation's key, which is made by key new and kept \
               elsewhere, is needed to read. lib/vault/FORMAT.md of the source has the format.",
        commands: "COMMANDS",
        endings: [
            "Done",
            "Done with something left out, or WARNING",
            "Not done, or damaged, or CRITICAL",
            "Could not be tried: wrong usage or configuration, wrong key, stopped by a signal, a fault",
        ],
        see_also: "ce-backup-create(1), ce-backup-restore(1), ce-backup-check(1), ce-backup-key-new(1)",
        files: &[
            (
                "/etc/ce/backup.toml",
                "What need not be told each time: repo, identity and passphrase-file as the flags of these names, and a table [create] \
                 with exclude, exclude-from, exclude-caches, one-file-system and tags. What stands on the command line wins; the lists \
                 of both are taken together. For users other than root it is $XDG_CONFIG_HOME/ce/backup.toml; CE_CONFIG_DIR names \
                 another folder, --config another file.\n\n  \
                 repo = \"/backup\"\n\n  [create]\n  exclude = [\"/var/cache\", \"*.tmp\"]\n  tags = { client = \"acme\" }\n\n\
                 [network] has connections, limit-upload, limit-download and ca-file. [swift] has auth-url, which says by its last part whether \
                 v1, v2 or v3 of the log-in is spoken; user or user-id, user-domain, password-file or, at Rackspace, api-key-file; \
                 application-credential-id and application-credential-secret-file; project or project-id, project-domain; region, interface \
                 (public, internal, admin). [s3] has region, credentials-file, profile, addressing (path, virtual-host), storage-class and \
                 object-lock = { mode, days }. [sftp] has user, port, identity-files, passphrase-file, agent, known-hosts, jumps and ssh-config. \
                 What they leave out is looked for where the tools of OpenStack (OS_AUTH_URL ...), of AWS (AWS_PROFILE, the machine's role ...) and ssh \
                 look. [repository.NAME] gives a url its name, and may have these four tables of its own. [[dump]] and [run] are in ce-backup-run(1). \
                 /usr/share/doc/ce/examples/backup.toml shows most of it.",
            ),
            (
                "/var/lib/ce/backup/ID.key",
                "This machine's key for the repository of that id, mode 0600; save it off-line with the organisation's",
            ),
            (
                "/var/lib/ce/backup/ID.seen",
                "The newest snapshots that were seen, so that a removed one is missed",
            ),
            (
                "/var/cache/ce/backup/ID",
                "What the last run saw of each file; it can be deleted at any time",
            ),
            STATE,
            (
                "/usr/share/ce/schema",
                "JSON Schemas of the record and of what ce-backup adds",
            ),
        ],
    },
    Program {
        name: "ce-check",
        command: ce_check::command,
        synopsis: "ce-check CHECK [OPTIONS]",
        more: "Called through a link named as a plugin of the monitoring-plugins, check_disk or check_http for example, it \
               takes that plugin's flags, writes its kind of line and ends with its exit codes; each check's page lists \
               where it deviates, and why.",
        commands: "CHECKS AND COMMANDS",
        endings: [
            "OK",
            "WARNING",
            "CRITICAL",
            "UNKNOWN: wrong usage or configuration, something could not be read, a timeout of its own, a fault",
        ],
        see_also: "ce-check-run(1), ce-check-render(1), ce-check-submit(1)",
        files: &[
            (
                "/etc/ce/check.toml",
                "Other defaults for the flags of checks: a table for each check, whose keys are its long flags; a list repeats the \
                 flag, true gives it alone. What stands on the command line wins. It holds for ce-check CHECK, not for the file of \
                 ce-check run, and not when called by a plugin's name. For users other than root it is \
                 $XDG_CONFIG_HOME/ce/check.toml; CE_CONFIG_DIR names another folder, --config another file.\n\n  \
                 [disk]\n  warning = \"15%\"\n  local = true\n  exclude-type = [\"tmpfs\", \"vfat\"]",
            ),
            (
                "/etc/ce/checks.toml",
                "The usual place of the file for ce-check run, whose page says what stands in it",
            ),
            STATE,
            (
                "/usr/share/ce/schema",
                "JSON Schemas of the record and of what ce-check adds",
            ),
        ],
    },
];

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

    /// A paragraph, or lines as they are where they are indented.
    fn prose(&mut self, text: &str) {
        if text.starts_with("  ") {
            self.0.push_str(".PP\n");
            self.verbatim(text);
        } else {
            self.paragraph(text);
        }
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

fn overview(program: &Program, whole: &Command) -> (String, String) {
    let mut page = Page::new(program.name, &about(whole));
    page.heading("SYNOPSIS");
    page.paragraph(program.synopsis);
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
    page.paragraph(program.more);
    page.heading(program.commands);
    for command in whole.get_subcommands() {
        page.item(
            &format!("{}-{}(1)", program.name, command.get_name()),
            &about(command),
        );
    }
    page.heading("EXAMPLES");
    page.verbatim(examples.trim_start_matches("Examples:\n"));
    endings(&mut page, program, None, program.see_also);
    (program.name.to_owned(), page.0)
}

fn page(program: &Program, command: &Command, prefix: &str) -> (String, String) {
    let name = format!("{prefix}-{}", command.get_name());
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
            let words = names.join(" ").replace("> <", " ");
            if argument.is_required_set() {
                format!(" {words}")
            } else {
                format!(" [{words}]")
            }
        })
        .collect();
    let called = prefix.replacen(
        &format!("{}-", program.name),
        &format!("{} ", program.name),
        1,
    );
    page.paragraph(&format!(
        "{called} {} [OPTIONS]{positionals}",
        command.get_name()
    ));
    page.heading("DESCRIPTION");
    let long = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    for paragraph in long.split("\n\n") {
        page.prose(paragraph);
    }
    options(&mut page, command);
    let name_of_check = command.get_name();
    if program.name == "ce-backup" {
        backup_records(&mut page, name_of_check);
    } else if let Some(check) = CHECKS.iter().find(|check| check.name == name_of_check) {
        documented(&mut page, check);
    }
    if let Some(examples) = command.get_after_help() {
        page.heading("EXAMPLES");
        page.verbatim(examples.to_string().trim_start_matches("Examples:\n"));
    }
    endings(
        &mut page,
        program,
        Some(command),
        &format!("{}(1)", program.name),
    );
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
        let term = format!(
            "{} {}",
            names.join(", "),
            values.join(" ").replace("> <", " ")
        );
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

/// What the record of a command of ce-backup holds.
fn backup_records(page: &mut Page, command: &str) {
    let Some(entry) = ce_backup::DOCUMENTED
        .iter()
        .find(|entry| entry.check == command)
    else {
        return;
    };
    for (heading, fields) in [("METRICS", entry.metrics), ("DATA", entry.data)] {
        if !fields.is_empty() {
            page.heading(heading);
        }
        for (name, kind, about) in fields {
            let kind = if kind.is_empty() {
                String::new()
            } else {
                format!(" ({kind})")
            };
            page.item(&format!("{name}{kind}"), about);
        }
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

fn endings(page: &mut Page, program: &Program, command: Option<&Command>, see_also: &str) {
    page.heading("EXIT STATUS");
    for (code, meaning) in program.endings.iter().enumerate() {
        page.item(&code.to_string(), meaning);
    }
    page.heading("ENVIRONMENT");
    for argument in command.into_iter().flat_map(Command::get_arguments) {
        if let (Some(variable), Some(long)) = (argument.get_env(), argument.get_long()) {
            page.item(
                &variable.to_string_lossy(),
                &format!("What --{long} would name"),
            );
        }
    }
    for (variable, meaning) in ENVIRONMENT {
        page.item(variable, meaning);
    }
    page.heading("FILES");
    for (path, meaning) in program.files {
        let (first, rest) = meaning.split_once("\n\n").unwrap_or((meaning, ""));
        page.item(path, first);
        if !rest.is_empty() {
            page.0.push_str(".RS\n");
            rest.split("\n\n").for_each(|text| page.prose(text));
            page.0.push_str(".RE\n");
        }
    }
    page.heading("SEE ALSO");
    page.paragraph(see_also);
}
