//! Where each mail server keeps its queue, and the messages in it.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;

use super::envelope::{self, Envelope, Format};
use crate::root::Root;

/// Which mail server's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mta {
    Postfix,
    Exim,
    Sendmail,
    Qmail,
    Nullmailer,
    Opensmtpd,
}

/// A folder of queue files that are in one state.
struct Queue {
    state: &'static str,
    path: &'static str,
    /// How many folders lie between it and the files.
    depth: u8,
    /// Whether a file of this name stands for a message.
    is_message: fn(&str) -> bool,
}

const fn queue(
    state: &'static str,
    path: &'static str,
    depth: u8,
    is_message: fn(&str) -> bool,
) -> Queue {
    Queue {
        state,
        path,
        depth,
        is_message,
    }
}

const ANY: fn(&str) -> bool = |name| !name.starts_with('.');

impl Mta {
    /// As in records and messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postfix => "postfix",
            Self::Exim => "exim",
            Self::Sendmail => "sendmail",
            Self::Qmail => "qmail",
            Self::Nullmailer => "nullmailer",
            Self::Opensmtpd => "opensmtpd",
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Postfix => Format::Postfix,
            Self::Exim => Format::Exim,
            Self::Sendmail => Format::Sendmail,
            Self::Nullmailer => Format::Nullmailer,
            Self::Qmail | Self::Opensmtpd => Format::Opaque,
        }
    }

    /// The first is the one whose presence says that this server is here.
    fn queues(self) -> &'static [Queue] {
        const POSTFIX: &[Queue] = &[
            queue("active", "/var/spool/postfix/active", 3, ANY),
            queue("deferred", "/var/spool/postfix/deferred", 3, ANY),
            queue("incoming", "/var/spool/postfix/incoming", 3, ANY),
            queue("hold", "/var/spool/postfix/hold", 3, ANY),
            queue("maildrop", "/var/spool/postfix/maildrop", 1, ANY),
        ];
        const EXIM: &[Queue] = &[
            queue("queued", "/var/spool/exim4/input", 1, |name| {
                name.ends_with("-H")
            }),
            queue("queued", "/var/spool/exim/input", 1, |name| {
                name.ends_with("-H")
            }),
        ];
        const SENDMAIL: &[Queue] = &[
            queue("queued", "/var/spool/mqueue", 2, |name| {
                name.starts_with("qf")
            }),
            queue("quarantined", "/var/spool/mqueue", 2, |name| {
                name.starts_with("hf")
            }),
            queue("client", "/var/spool/mqueue-client", 2, |name| {
                name.starts_with("qf")
            }),
        ];
        const QMAIL: &[Queue] = &[
            queue("queued", "/var/qmail/queue/mess", 1, ANY),
            queue("unprocessed", "/var/qmail/queue/todo", 1, ANY),
        ];
        const NULLMAILER: &[Queue] = &[
            queue("queued", "/var/spool/nullmailer/queue", 0, ANY),
            queue("failed", "/var/spool/nullmailer/failed", 0, ANY),
        ];
        const OPENSMTPD: &[Queue] = &[
            queue("queued", "/var/spool/smtpd/queue", 2, |name| {
                name != "message" && ANY(name)
            }),
            queue("offline", "/var/spool/smtpd/offline", 0, ANY),
        ];
        match self {
            Self::Postfix => POSTFIX,
            Self::Exim => EXIM,
            Self::Sendmail => SENDMAIL,
            Self::Qmail => QMAIL,
            Self::Nullmailer => NULLMAILER,
            Self::Opensmtpd => OPENSMTPD,
        }
    }

    /// The servers whose queue is on this machine.
    pub(super) fn detect(root: &Root) -> Vec<Self> {
        let here = |mta: &Self| {
            // A folder that may not be looked into is there all the same.
            let exists = |queue: &Queue| match root.link(queue.path).symlink_metadata() {
                Ok(_) => true,
                Err(error) => error.kind() == ErrorKind::PermissionDenied,
            };
            mta.queues().iter().any(exists)
        };
        Self::value_variants()
            .iter()
            .copied()
            .filter(here)
            .collect()
    }

    /// All messages of its queues.
    pub(super) fn messages(
        self,
        root: &Root,
        deadline: Instant,
    ) -> Result<Messages, (PathBuf, Error)> {
        let mut messages = Messages::default();
        for queue in self.queues() {
            let folder = root.path(queue.path);
            match walk(
                &folder,
                queue,
                queue.depth,
                self.format(),
                deadline,
                &mut messages,
            ) {
                Err((at, error)) if at == folder && error.kind() == ErrorKind::NotFound => {}
                other => {
                    other?;
                    messages.folders += 1;
                }
            }
        }
        Ok(messages)
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) state: &'static str,
    /// In seconds since 1970.
    pub(super) arrived: i64,
    pub(super) domains: Vec<String>,
}

/// What was found in the queues of one server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    pub(super) all: Vec<Message>,
    /// Queue folders that are there.
    pub(super) folders: usize,
    /// Messages that were counted but not read.
    pub(super) unread: usize,
}

/// Reading the envelopes of more would take longer than a check has.
const MAX_READ: usize = 20_000;

fn walk(
    folder: &Path,
    queue: &Queue,
    depth: u8,
    format: Format,
    deadline: Instant,
    messages: &mut Messages,
) -> Result<(), (PathBuf, Error)> {
    let fail = |error| (folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            if depth > 0 {
                match walk(&path, queue, depth - 1, format, deadline, messages) {
                    // A message that is delivered takes its folder with it.
                    Err((_, error)) if error.kind() == ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        } else if kind.is_file() && (queue.is_message)(&entry.file_name().to_string_lossy()) {
            let modified = entry.metadata().ok().and_then(|file| {
                let time = file
                    .modified()
                    .ok()?
                    .duration_since(std::time::UNIX_EPOCH)
                    .ok()?;
                i64::try_from(time.as_secs()).ok()
            });
            let Some(modified) = modified else { continue };
            let envelope = if messages.all.len() < MAX_READ && Instant::now() < deadline {
                envelope::read(&path, format)
            } else {
                messages.unread += 1;
                Envelope::default()
            };
            messages.all.push(Message {
                state: if envelope.frozen {
                    "frozen"
                } else {
                    queue.state
                },
                arrived: envelope.arrived.unwrap_or(modified),
                domains: envelope.domains,
            });
        }
    }
    Ok(())
}
