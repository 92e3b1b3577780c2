//! The databases' own programs: where they are, what they say, how bytes pass from and to them.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use ce_cli::{Finished, Flow, Program, Running};
use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};

use super::scan::{Found, Piece, Scanner};
use super::{Error, Watch};
use crate::progress::STOP;

/// Where programs are when PATH does not say.
const FOLDERS: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin";
/// How much is passed on at once.
pub(crate) const STEP: usize = 256 << 10;
/// No answer to a question is longer, in bytes.
const ANSWER: usize = 64 << 20;
/// How much of what a program said is told.
const TOLD: usize = 600;

/// The first of these programs that is there, by its absolute path.
pub(crate) fn find(names: &[&str], folder: Option<&Path>) -> Result<PathBuf, Error> {
    use std::os::unix::fs::PermissionsExt;
    let path = match folder {
        Some(folder) => folder.as_os_str().to_owned(),
        None => std::env::var_os("PATH").unwrap_or_else(|| FOLDERS.into()),
    };
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| {
            path.metadata()
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
        .ok_or_else(|| Error::NoProgram(names.join(", ")))
}

/// What a program answers, when it ends well.
pub(crate) fn ask(program: &Program, deadline: Instant) -> Result<Vec<u8>, Error> {
    let mut running = start(program, Flow::Out, deadline)?;
    let mut answer = Vec::new();
    let read = (&mut running).take(ANSWER as u64).read_to_end(&mut answer);
    finish(running, program)?;
    read.map_err(Error::Read)?;
    Ok(answer)
}

pub(crate) fn start(program: &Program, flow: Flow, deadline: Instant) -> Result<Running, Error> {
    Ok(program
        .clone()
        .output_limit(64 << 10)
        .start(flow, deadline, &STOP)?)
}

/// The answer in lines.
pub(crate) fn ask_lines(program: &Program, deadline: Instant) -> Result<Vec<String>, Error> {
    let answer = ask(program, deadline)?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Waits for its end; what it said when that was not well.
pub(crate) fn finish(running: Running, program: &Program) -> Result<Finished, Error> {
    let ended = running.finish();
    if STOP.load(Ordering::Relaxed) {
        return Err(Error::Stopped);
    }
    let finished = ended?;
    if finished.status.success() {
        return Ok(finished);
    }
    Err(Error::Failed {
        program: program.name(),
        ending: finished.ending(),
        said: told(&finished.stderr),
    })
}

/// What it said, in one line without what is only said for the sake of form. Where errors are marked as such, only
/// these: the statement that mariadb shows besides may hold anybody's data.
fn told(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = || {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.contains("Deprecated program name"))
    };
    let mut errors: Vec<&str> = lines().filter(|line| line.starts_with("ERROR")).collect();
    if errors.is_empty() {
        errors = lines().collect();
    }
    let mut told: String = errors.join("; ").chars().take(TOLD).collect();
    if told.is_empty() {
        told.push_str("it says nothing");
    }
    told
}

/// Passes a program's output on while the scanner looks at it.
pub(crate) fn pass(
    program: &Program,
    scanner: &mut Scanner,
    out: &mut dyn Write,
    watch: &Watch<'_>,
) -> Result<u64, Error> {
    let mut running = start(program, Flow::Out, watch.deadline)?;
    let mut buffer = vec![0; STEP];
    let mut bytes = 0;
    loop {
        let count = match running.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // It says why itself.
            Err(_) => break,
        };
        scan(scanner, &buffer[..count])?;
        out.write_all(&buffer[..count]).map_err(Error::Write)?;
        bytes += count as u64;
        watch.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
    finish(running, program)?;
    scanner.end(&mut |_: &Found, _: Piece<'_>| Ok::<(), Error>(()))?;
    Ok(bytes)
}

/// Looks at a part of a dump.
pub(crate) fn scan(scanner: &mut Scanner, bytes: &[u8]) -> Result<(), Error> {
    scanner.feed(bytes, &mut |_: &Found, _: Piece<'_>| Ok(()))
}

/// A secret in a file that has no name: for a program of the same user, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Handed {
    file: std::fs::File,
}

impl Handed {
    pub fn new(secret: &str) -> Result<Self, Error> {
        let fail = |error: rustix::io::Errno| {
            Error::System(format!("cannot hand over a password: {error}"))
        };
        let fd = memfd_create("credentials", MemfdFlags::CLOEXEC).map_err(fail)?;
        // Clients ignore option files that others could write to.
        fchmod(&fd, Mode::RUSR | Mode::WUSR).map_err(fail)?;
        let mut file = std::fs::File::from(fd);
        file.write_all(secret.as_bytes()).map_err(Error::Write)?;
        Ok(Handed { file })
    }

    /// Its path, by way of this process: no other child inherits the descriptor.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }
}

/// An error of a program that is fed: what it said tells more than the broken pipe does.
pub(crate) fn fed(
    written: Result<(), Error>,
    running: Running,
    program: &Program,
) -> Result<Finished, Error> {
    match written {
        Ok(()) => finish(running, program),
        Err(Error::Write(error)) => finish(running, program).and(Err(Error::Write(error))),
        Err(error) => Err(error),
    }
}

/// Bytes in hexadecimal digits, as all servers take and give names that no quoting can break.
pub(crate) fn hex(text: &str) -> String {
    ce_vault::hex(text.as_bytes())
}

/// The text of such digits.
pub(crate) fn unhex(digits: &str) -> String {
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_absolute_path_only() {
        assert_eq!(
            find(&["no-such", "sh"], Some(Path::new("/bin"))).unwrap(),
            Path::new("/bin/sh")
        );
        assert!(find(&["sh"], Some(Path::new("bin"))).is_err());
        let error = find(&["a", "b"], Some(Path::new("/bin"))).unwrap_err();
        assert_eq!(error.to_string(), "none of the programs a, b is there");
    }

    #[test]
    fn of_what_a_program_says_the_error_is_told_and_no_data() {
        let said = "--------------\nINSERT INTO users VALUES ('secret')\n--------------\n\nERROR 1064 (42000) at line 7: no\n";
        assert_eq!(told(said.as_bytes()), "ERROR 1064 (42000) at line 7: no");
        assert_eq!(told(b"psql: error: a\n\tb\n"), "psql: error: a; b");
        assert_eq!(told(b""), "it says nothing");
    }

    #[test]
    fn names_survive_as_digits() {
        for name in ["a`b'c", "größe 😀", ""] {
            assert_eq!(unhex(&hex(name)), name);
            assert_eq!(unhex(&hex(name).to_uppercase()), name);
        }
    }

    #[test]
    fn a_secret_is_read_by_its_path_and_by_nobody_else() {
        use std::os::unix::fs::MetadataExt;
        let handed = Handed::new("password=x").unwrap();
        assert_eq!(
            std::fs::read_to_string(handed.path()).unwrap(),
            "password=x"
        );
        assert_eq!(
            std::fs::metadata(handed.path()).unwrap().mode() & 0o7777,
            0o600
        );
    }
}
