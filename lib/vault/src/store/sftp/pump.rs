//! A channel through a jump host as a socket, which is all that libssh2 takes for a connection.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel};

use super::dial::Link;

/// Bytes that wait in one direction.
const BUFFER: usize = 64 << 10;

/// The near end of a socket whose bytes a thread carries through the channel and back. It ends when either side does.
pub fn socket(link: Link, channel: Channel) -> io::Result<UnixStream> {
    let (near, far) = UnixStream::pair()?;
    far.set_nonblocking(true)?;
    link.session.set_blocking(false);
    std::thread::Builder::new()
        .name("jump".to_owned())
        .spawn(move || {
            // Why it ended, the other end of the socket finds out.
            let _ = carry(&link, channel, &far);
            let _ = far.shutdown(std::net::Shutdown::Both);
        })?;
    Ok(near)
}

/// Bytes from one side that the other has not taken yet.
struct Passage {
    buffer: Vec<u8>,
    filled: usize,
    passed: usize,
    /// Nothing more comes.
    ended: bool,
}

impl Passage {
    fn new() -> Self {
        Passage {
            buffer: vec![0; BUFFER],
            filled: 0,
            passed: 0,
            ended: false,
        }
    }

    fn waiting(&self) -> bool {
        self.passed < self.filled
    }

    /// Moves what can be moved now; whether anything was.
    fn step(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<bool> {
        let mut moved = false;
        if !self.waiting() && !self.ended {
            match from.read(&mut self.buffer) {
                Ok(read) => {
                    (self.passed, self.filled) = (0, read);
                    self.ended = read == 0;
                    moved = true;
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if self.waiting() {
            match to.write(&self.buffer[self.passed..self.filled]) {
                Ok(written) => {
                    self.passed += written;
                    moved |= written > 0;
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn carry(link: &Link, mut channel: Channel, socket: &UnixStream) -> io::Result<()> {
    let (mut out, mut back) = (Passage::new(), Passage::new());
    let mut socket_read = socket;
    let mut socket_write = socket;
    loop {
        let mut moved = out.step(&mut socket_read, &mut channel)?;
        moved |= back.step(&mut channel, &mut socket_write)?;
        if out.ended || back.ended && !back.waiting() {
            return Ok(());
        }
        if !moved && !wait(link, socket, out.waiting(), back.waiting())? {
            return Ok(());
        }
    }
}

/// Until one of the two sides can go on; `false` when the near one is gone. Not for ever: libssh2 may hold what arrived
/// while it did something else.
fn wait(link: &Link, socket: &UnixStream, sending: bool, receiving: bool) -> io::Result<bool> {
    let mut ssh = PollFlags::IN;
    let directions = link.session.block_directions();
    if matches!(
        directions,
        BlockDirections::Outbound | BlockDirections::Both
    ) {
        ssh |= PollFlags::OUT;
    }
    let mut local = PollFlags::empty();
    if !sending {
        local |= PollFlags::IN;
    }
    if receiving {
        local |= PollFlags::OUT;
    }
    let carrier: BorrowedFd<'_> = link.socket.as_fd();
    let mut both = [
        PollFd::from_borrowed_fd(carrier, ssh),
        PollFd::from_borrowed_fd(socket.as_fd(), local),
    ];
    let second = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    match poll(&mut both, Some(&second)) {
        Ok(_) => Ok(!both[1]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR)),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
