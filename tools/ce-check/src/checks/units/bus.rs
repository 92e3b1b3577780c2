//! Asking systemd over its sockets: the private one of root, else the system bus.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use super::wire::{self, Call, Kind, Value};

/// One connection that asks one question after the other.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    deadline: Instant,
    serial: u32,
    /// Who is asked; empty on systemd's own socket.
    to: &'static str,
}

const SYSTEMD: &str = "org.freedesktop.systemd1";

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Bus {
    /// Connects to systemd itself (`has_bus` false) or to a message bus, and says who asks (SASL EXTERNAL).
    pub(super) fn connect(path: &Path, has_bus: bool, deadline: Instant) -> io::Result<Self> {
        let mut bus = Self {
            stream: UnixStream::connect(path)?,
            deadline,
            serial: 0,
            to: if has_bus { SYSTEMD } else { "" },
        };
        let uid = rustix::process::geteuid().as_raw().to_string();
        let hex: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
        bus.patience()?;
        bus.stream
            .write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let answer = bus.line()?;
        if !answer.starts_with("OK ") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        bus.stream.write_all(b"BEGIN\r\n")?;
        if has_bus {
            let name = "org.freedesktop.DBus";
            bus.send(Call {
                to: name,
                path: "/org/freedesktop/DBus",
                interface: name,
                member: "Hello",
                signature: "",
                arguments: &[],
            })?;
        }
        Ok(bus)
    }

    fn patience(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.set_write_timeout(Some(left))
    }

    /// A line of the greeting, byte for byte so that nothing of what follows is taken.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.patience()?;
            self.stream.read_exact(&mut byte)?;
            line.push(byte[0]);
            if line.len() > 1024 {
                return Err(invalid("no D-Bus greeting"));
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Calls a method of systemd's manager.
    pub(super) fn manager(
        &mut self,
        member: &str,
        signature: &str,
        arguments: &[&str],
    ) -> io::Result<Vec<Value>> {
        self.send(Call {
            to: self.to,
            path: "/org/freedesktop/systemd1",
            interface: "org.freedesktop.systemd1.Manager",
            member,
            signature,
            arguments,
        })
    }

    /// A property of an object; `None` when it has none of that name.
    pub(super) fn property(
        &mut self,
        path: &str,
        interface: &str,
        name: &str,
    ) -> io::Result<Option<Value>> {
        let call = Call {
            to: self.to,
            path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            signature: "ss",
            arguments: &[interface, name],
        };
        match self.send(call) {
            Ok(values) => Ok(values.into_iter().next()),
            Err(error) if error.kind() == io::ErrorKind::Other => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a call and waits for its answer; what else comes is passed over.
    fn send(&mut self, call: Call<'_>) -> io::Result<Vec<Value>> {
        self.serial += 1;
        self.patience()?;
        self.stream.write_all(&wire::call(call, self.serial))?;
        loop {
            let mut message = vec![0; wire::START];
            self.fill(&mut message)?;
            let length = wire::length(&message).ok_or_else(|| invalid("no D-Bus message"))?;
            let mut rest = vec![0; length - wire::START];
            self.fill(&mut rest)?;
            message.append(&mut rest);
            let message = wire::parse(&message).ok_or_else(|| invalid("no D-Bus message"))?;
            if message.reply_to != u64::from(self.serial) {
                continue;
            }
            match message.kind {
                Kind::Return => return Ok(message.body),
                Kind::Error => {
                    let words = message.body.first().map(Value::text).unwrap_or_default();
                    return Err(io::Error::other(format!("{} ({words})", message.error)));
                }
                Kind::Other => {}
            }
        }
    }

    /// Reads so many bytes by the deadline, however slowly they come.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            self.patience()?;
            match self.stream.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    }
}
