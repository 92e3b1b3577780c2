//! Real servers as child processes: started on free ports, ended when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::wait;

/// A port of the loopback address that nobody used a moment ago.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// A server that is ended with the test.
#[derive(Debug)]
pub struct Server {
    child: Child,
    name: String,
}

impl Server {
    /// Starts it, its output going to `log`.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).expect("a log file");
        let stderr = file.try_clone().expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(stderr)
            .spawn();
        let name = format!("{command:?}");
        Self {
            child: child.unwrap_or_else(|error| panic!("{name}: {error}")),
            name,
        }
    }

    /// Waits until it takes connections on this port.
    ///
    /// # Panics
    /// It ends, or does not listen within 20 s.
    pub fn listening(mut self, port: u16) -> Self {
        let name = self.name.clone();
        wait::until(
            &format!("listener of {name} on port {port}"),
            Duration::from_secs(20),
            || {
                if let Ok(Some(status)) = self.child.try_wait() {
                    panic!("{name} ended: {status}");
                }
                TcpStream::connect(("127.0.0.1", port)).ok()
            },
        );
        self
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    /// Asks it to end, so that it ends its own children too; kills it when it does not within two seconds.
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
