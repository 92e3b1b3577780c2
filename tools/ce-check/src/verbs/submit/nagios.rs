//! Nagios on this machine: its external command FIFO, or its folder of check results.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ce_record::Cause;
use rustix::fs::OFlags;

use super::passive::Passive;
use super::{Refusal, Server};

/// What is written to a pipe at once up to this length arrives in one piece (PIPE_BUF, pipe(7)), in bytes.
const ATOMIC_BYTES: usize = 4096;

/// The external command file.
pub(super) struct Fifo {
    pub(super) path: PathBuf,
    pub(super) deadline: Instant,
}

impl Server for Fifo {
    fn name(&self) -> String {
        format!("Nagios at '{}'", self.path.display())
    }

    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>> {
        match self.open() {
            Err(refusal) => results.iter().map(|_| Err(refusal.clone())).collect(),
            Ok(mut fifo) => results
                .iter()
                .map(|result| write_patiently(&mut fifo, &command(result), self.deadline))
                .collect(),
        }
    }
}

impl Fifo {
    /// Without waiting for a reader: a Nagios that is down is told at once instead of hanging for ever.
    fn open(&self) -> Result<File, Refusal> {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(flags)
            .open(&self.path)
            .map_err(|error| {
                let message = match error.kind() {
                    io::ErrorKind::NotFound => "it is not there".to_owned(),
                    io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                    _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                        "nobody reads it".to_owned()
                    }
                    _ => error.to_string(),
                };
                let hint = match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "run it as a member of the group that the file belongs to"
                    }
                    _ => "is Nagios running, with check_external_commands=1?",
                };
                Refusal {
                    message,
                    cause: Cause::CONNECT,
                    hint: Some(hint.to_owned()),
                }
            })?;
        match file.metadata() {
            Ok(metadata) if metadata.file_type().is_fifo() => Ok(file),
            _ => Err(Refusal::new(Cause::CONFIG, "it is not a FIFO")),
        }
    }
}

/// Writes a command in one piece; while the pipe is full, waits for Nagios to read.
fn write_patiently(fifo: &mut File, command: &str, deadline: Instant) -> Result<(), Refusal> {
    loop {
        match fifo.write(command.as_bytes()) {
            Ok(written) if written == command.len() => return Ok(()),
            Ok(_) => {
                return Err(Refusal::new(
                    Cause::INTERNAL,
                    "only a part of it could be written",
                ));
            }
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(Refusal::new(
                    Cause::TIMEOUT,
                    "its command file is full and nobody reads it",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Refusal::new(Cause::CONNECT, error.to_string())),
        }
    }
}

/// `[time] PROCESS_SERVICE_CHECK_RESULT;host;service;code;output`, cut to what arrives in one piece.
fn command(result: &Passive) -> String {
    let mut line = match &result.service {
        Some(service) => {
            format!(
                "[{}] PROCESS_SERVICE_CHECK_RESULT;{};{service};{};",
                result.time, result.host, result.code
            )
        }
        None => format!(
            "[{}] PROCESS_HOST_CHECK_RESULT;{};{};",
            result.time,
            result.host,
            host_code(result.code)
        ),
    };
    let output = escape(&result.output);
    line.push_str(cut(
        &output,
        ATOMIC_BYTES - 1 - line.len().min(ATOMIC_BYTES - 1),
    ));
    line.push('\n');
    line
}

/// A host is up (0), down (1) or unreachable (2): what is WARNING is still up.
fn host_code(code: u8) -> u8 {
    u8::from(code >= 2)
}

/// Backslashes doubled, newlines as `\n`, as Nagios reads them.
fn escape(output: &str) -> String {
    output.replace('\\', "\\\\").replace('\n', "\\n")
}

/// At most `limit` bytes, not within a character, and not within an escape.
fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let backslashes = text[..end]
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count();
    &text[..end - backslashes % 2]
}

/// The folder of check results (check_result_path).
pub(super) struct Spool(pub(super) PathBuf);

impl Server for Spool {
    fn name(&self) -> String {
        format!("Nagios' folder '{}'", self.0.display())
    }

    fn send(&self, results: &[Passive]) -> Vec<Result<(), Refusal>> {
        if !self.0.is_dir() {
            let refusal = Refusal::new(Cause::CONFIG, "it is not a folder");
            return results.iter().map(|_| Err(refusal.clone())).collect();
        }
        results.iter().map(|result| self.put(result)).collect()
    }
}

impl Spool {
    /// What root writes Nagios could neither read nor remove: it becomes the folder owner's.
    fn give(&self, file: &File) -> io::Result<()> {
        let folder = std::fs::metadata(&self.0)?;
        if file.metadata()?.uid() == 0 && folder.uid() != 0 {
            std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid()))?;
        }
        Ok(())
    }

    /// Nagios takes files named `c` and six more characters once an empty `NAME.ok` stands beside them.
    fn put(&self, result: &Passive) -> Result<(), Refusal> {
        let refuse = |error: io::Error| Refusal::new(Cause::SYSTEM, error.to_string());
        let contents = spool_file(result);
        for _ in 0..100 {
            let path = self.0.join(format!("c{}", random_suffix()));
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o640)
                .open(&path)
            {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refuse(error)),
                Ok(mut file) => {
                    let mark = path.with_extension("ok");
                    let written = self
                        .give(&file)
                        .and_then(|()| file.write_all(contents.as_bytes()))
                        .and_then(|()| file.sync_all());
                    let ok = written.and_then(|()| self.give(&File::create_new(mark)?));
                    return ok.map_err(|error| {
                        let _ = std::fs::remove_file(&path);
                        refuse(error)
                    });
                }
            }
        }
        Err(Refusal::new(
            Cause::SYSTEM,
            "no free file name was found in it",
        ))
    }
}

/// Six letters or digits: the last of a fresh id are random.
fn random_suffix() -> String {
    let id = ce_cli::new_id(jiff::Timestamp::now());
    id[id.len() - 6..].to_owned()
}

fn spool_file(result: &Passive) -> String {
    let mut text = format!("### ce-check submit ###\nfile_time={}\n\n", result.time);
    let _ = writeln!(text, "host_name={}", result.host);
    if let Some(service) = &result.service {
        let _ = writeln!(text, "service_description={service}");
    }
    let code = if result.service.is_some() {
        result.code
    } else {
        host_code(result.code)
    };
    let _ = write!(
        text,
        "check_type=1\ncheck_options=0\nscheduled_check=0\nreschedule_check=0\nlatency=0.0\n\
         start_time={time}.0\nfinish_time={time}.0\nearly_timeout=0\nexited_ok=1\nreturn_code={code}\noutput={}\n",
        escape(&result.output),
        time = result.time,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(output: &str) -> Passive {
        Passive {
            host: "web1".to_owned(),
            service: Some("disk /var".to_owned()),
            code: 2,
            time: 1_700_000_000,
            output: output.to_owned(),
            text: String::new(),
            perfdata: Vec::new(),
            ttl_s: None,
            source: "mon".to_owned(),
        }
    }

    #[test]
    fn a_command_is_one_line_with_newlines_and_backslashes_escaped() {
        assert_eq!(
            command(&result("CRITICAL: C:\\ full | a=1\nmore")),
            "[1700000000] PROCESS_SERVICE_CHECK_RESULT;web1;disk /var;2;CRITICAL: C:\\\\ full | a=1\\nmore\n"
        );
        let host = Passive {
            service: None,
            ..result("down")
        };
        assert_eq!(
            command(&host),
            "[1700000000] PROCESS_HOST_CHECK_RESULT;web1;1;down\n"
        );
    }

    #[test]
    fn a_long_command_is_cut_to_what_arrives_in_one_piece() {
        for filler in ["x", "\\", "ü", "\n"] {
            let line = command(&result(&filler.repeat(9000)));
            assert!(
                line.len() <= ATOMIC_BYTES && line.len() > ATOMIC_BYTES - 5,
                "{}",
                line.len()
            );
            let body = line.trim_end_matches('\n');
            assert_eq!(
                body.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2,
                0
            );
        }
    }

    #[test]
    fn a_fifo_that_nobody_reads_and_a_file_that_is_none_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        let soon = Instant::now() + Duration::from_secs(1);
        let refusal = |path: PathBuf| {
            Fifo {
                path,
                deadline: soon,
            }
            .send(&[result("x")])
            .remove(0)
            .unwrap_err()
            .message
        };
        assert_eq!(refusal(plain), "it is not a FIFO");
        assert_eq!(refusal(folder.path().join("none")), "it is not there");
    }
}
