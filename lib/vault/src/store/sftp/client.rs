//! An SFTP client over any stream of bytes: many requests are under way at once, for every answer is a round trip away.
//!
//! libssh2 has one of its own, but neither posix-rename nor free space through the ssh2 crate, and it says of a failure
//! only its number. It must not know what a store is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read, Write};

use super::super::limit::{Limit, PIECE};
use super::wire::{self, Attributes, Body, Reply, code, flag, request};

/// Bytes that may be under way in one direction: a link of 300 Mbit/s and 50 ms there and back holds as many.
pub const AHEAD: usize = 2 << 20;
/// What every server can read or write at once, by the protocol's draft.
const LEAST_PIECE: usize = 32 << 10;
/// Requests are gathered up to so many bytes before they are sent.
const GATHERED: usize = 256 << 10;

/// Why a request failed.
#[derive(Debug)]
pub enum Trouble {
    /// The server says so; the connection is fine.
    Status { code: u32, message: String },
    /// The connection is gone, or was never good.
    Broken(io::Error),
    /// The other side does not speak SFTP.
    Garbled(String),
}

impl Trouble {
    pub fn is(&self, wanted: u32) -> bool {
        matches!(self, Trouble::Status { code, .. } if *code == wanted)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Broken(error)
    }
}

impl From<wire::Garbled> for Trouble {
    fn from(_: wire::Garbled) -> Self {
        Trouble::Garbled("what it sends is not SFTP".to_owned())
    }
}

pub type Answer<T> = Result<T, Trouble>;

/// What the server can do beyond the protocol.
#[derive(Debug, Default, Clone, Copy)]
struct Extensions {
    posix_rename: bool,
    fsync: bool,
    statvfs: bool,
    limits: bool,
}

/// What a folder holds.
pub type Entries = Vec<(Vec<u8>, Attributes)>;

/// A file or folder that is open on the server.
#[derive(Debug)]
pub struct Handle(Vec<u8>);

/// An SFTP session.
pub struct Client<S> {
    stream: S,
    extensions: Extensions,
    /// Bytes of one read or write.
    piece: usize,
    id: u32,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// How much of `incoming` has been taken.
    taken: usize,
    /// Answers that came before they were asked for.
    early: HashMap<u32, Reply>,
    /// Requests whose answers nobody waits for.
    unheeded: HashSet<u32>,
}

impl<S: Read + Write> Client<S> {
    /// Greets the server.
    pub fn new(stream: S) -> Answer<Self> {
        let mut client = Client {
            stream,
            extensions: Extensions::default(),
            piece: LEAST_PIECE,
            id: 0,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            taken: 0,
            early: HashMap::new(),
            unheeded: HashSet::new(),
        };
        client.put_packet(request::INIT, &Body::default().number(wire::VERSION).0);
        let packet = client.packet()?;
        let (_, extensions) = wire::parse_version(&packet)?;
        let has = |name: &str, version: &str| {
            extensions
                .iter()
                .any(|(its_name, its_version)| its_name == name && its_version == version)
        };
        client.extensions = Extensions {
            posix_rename: has("posix-rename@openssh.com", "1"),
            fsync: has("fsync@openssh.com", "1"),
            statvfs: has("statvfs@openssh.com", "2"),
            limits: has("limits@openssh.com", "1"),
        };
        if client.extensions.limits {
            let id = client.extended("limits@openssh.com", Body::default());
            if let Reply::Extended(body) = client.reply(id)? {
                let [packet, read, write] = wire::parse_limits(&body)?;
                let room = |most: u64| usize::try_from(most).ok().filter(|most| *most > 0);
                client.piece = [
                    room(packet.saturating_sub(1024)),
                    room(read),
                    room(write),
                    Some(PIECE),
                ]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(PIECE)
                .max(4096);
            }
        }
        Ok(client)
    }

    fn put_packet(&mut self, kind: u8, body: &[u8]) {
        self.outgoing.extend((body.len() as u32 + 1).to_be_bytes());
        self.outgoing.push(kind);
        self.outgoing.extend(body);
    }

    /// Begins a request; its number is where the answer is found.
    fn ask(&mut self, kind: u8, body: impl FnOnce(Body) -> Body) -> u32 {
        self.id = self.id.wrapping_add(1);
        let body = body(Body::default().number(self.id));
        self.put_packet(kind, &body.0);
        self.id
    }

    fn extended(&mut self, name: &str, body: Body) -> u32 {
        self.ask(request::EXTENDED, |begun| {
            let mut begun = begun.text(name);
            begun.0.extend(body.0);
            begun
        })
    }

    /// Sends what was gathered. The stream itself is not flushed: to libssh2 that means to throw away what has arrived.
    fn flush(&mut self) -> Answer<()> {
        self.stream.write_all(&self.outgoing)?;
        self.outgoing.clear();
        Ok(())
    }

    /// The next packet, without its length.
    fn packet(&mut self) -> Answer<Vec<u8>> {
        self.flush()?;
        loop {
            let have = &self.incoming[self.taken..];
            if let Some((length, rest)) = have.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if length > wire::MOST {
                    return Err(wire::Garbled.into());
                }
                if let Some(packet) = rest.get(..length) {
                    let packet = packet.to_vec();
                    self.taken += 4 + length;
                    return Ok(packet);
                }
            }
            self.incoming.drain(..self.taken);
            self.taken = 0;
            let have = self.incoming.len();
            self.incoming.resize(have + PIECE, 0);
            let read = self.stream.read(&mut self.incoming[have..]);
            self.incoming
                .truncate(have + read.as_ref().copied().unwrap_or(0));
            if read? == 0 {
                return Err(Trouble::Broken(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server ended the session",
                )));
            }
        }
    }

    /// The answer to a request, after those that come before it.
    fn reply(&mut self, wanted: u32) -> Answer<Reply> {
        if let Some(reply) = self.early.remove(&wanted) {
            return Ok(reply);
        }
        loop {
            let (id, reply) = Reply::parse(&self.packet()?)?;
            if id == wanted {
                return Ok(reply);
            }
            if !self.unheeded.remove(&id) {
                self.early.insert(id, reply);
            }
            if self.early.len() > 4096 {
                return Err(wire::Garbled.into());
            }
        }
    }

    /// Whether the request was done.
    fn done(&mut self, id: u32) -> Answer<()> {
        match self.reply(id)? {
            Reply::Status { code: code::OK, .. } => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    fn handle(&mut self, id: u32) -> Answer<Handle> {
        match self.reply(id)? {
            Reply::Handle(handle) => Ok(Handle(handle)),
            other => Err(unexpected(other)),
        }
    }

    /// Closes it without waiting for the answer.
    pub fn forget(&mut self, handle: &Handle) {
        let id = self.ask(request::CLOSE, |body| body.text(&handle.0));
        self.disregard(id);
    }

    /// Nobody waits for the answer, which may have come already.
    fn disregard(&mut self, id: u32) {
        if self.early.remove(&id).is_none() {
            self.unheeded.insert(id);
        }
    }

    fn open(&mut self, path: &str, flags: u32) -> u32 {
        self.ask(request::OPEN, |body| {
            let body = body.text(path).number(flags);
            if flags & flag::CREATE == 0 {
                body.number(0)
            } else {
                body.mode(0o600)
            }
        })
    }

    /// Makes a file that must not be there yet and fills it; it has reached the disk where the server can see to that.
    /// Meanwhile `folder` is opened for [`Client::rename`], where that can be.
    pub fn create(
        &mut self,
        path: &str,
        folder: Option<&str>,
        bytes: &[u8],
        limit: Option<&Limit>,
    ) -> Answer<Option<Handle>> {
        let id = self.open(path, flag::WRITE | flag::CREATE | flag::EXCLUSIVE);
        let folder = folder
            .filter(|_| self.extensions.fsync)
            .map(|folder| self.open(folder, flag::READ));
        let opened = self.handle(id);
        let folder = match folder.map(|id| self.handle(id)) {
            None | Some(Err(Trouble::Status { .. })) => None,
            Some(folder) => Some(folder?),
        };
        let written = match opened {
            Ok(file) => self.fill(&file, bytes, limit),
            Err(trouble) => Err(trouble),
        };
        if let (Err(Trouble::Status { .. }), Some(folder)) = (&written, &folder) {
            self.forget(folder);
        }
        written.map(|()| folder)
    }

    /// Fills a file and closes it.
    fn fill(&mut self, handle: &Handle, bytes: &[u8], limit: Option<&Limit>) -> Answer<()> {
        let mut waiting = VecDeque::new();
        let mut written = Ok(());
        let ahead = (AHEAD / self.piece).max(1);
        for (number, piece) in bytes.chunks(self.piece).enumerate() {
            if let Some(limit) = limit {
                limit.take(piece.len());
            }
            let offset = (number * self.piece) as u64;
            waiting.push_back(self.ask(request::WRITE, |body| {
                body.text(&handle.0).long(offset).text(piece)
            }));
            if self.outgoing.len() >= GATHERED || limit.is_some() {
                self.flush()?;
            }
            if waiting.len() >= ahead
                && let Some(id) = waiting.pop_front()
            {
                written = self.done(id);
                if written.is_err() {
                    break;
                }
            }
        }
        // The rest is asked for at once: what fails before makes the whole fail.
        if written.is_ok() && self.extensions.fsync {
            waiting.push_back(self.sync(handle));
        }
        waiting.push_back(self.ask(request::CLOSE, |body| body.text(&handle.0)));
        for id in waiting {
            match (self.done(id), &written) {
                (Err(trouble @ Trouble::Status { .. }), Ok(())) => written = Err(trouble),
                (Err(trouble @ (Trouble::Broken(_) | Trouble::Garbled(_))), _) => {
                    return Err(trouble);
                }
                _ => {}
            }
        }
        written
    }

    /// Bytes of a file from `offset` on, fewer where it ends; all the rest without `len`.
    pub fn read(
        &mut self,
        path: &str,
        offset: u64,
        len: Option<usize>,
        limit: Option<&Limit>,
    ) -> Answer<Vec<u8>> {
        let id = self.open(path, flag::READ);
        let handle = self.handle(id)?;
        let read = self.read_handle(&handle, offset, len, limit);
        self.forget(&handle);
        read
    }

    fn read_handle(
        &mut self,
        handle: &Handle,
        offset: u64,
        len: Option<usize>,
        limit: Option<&Limit>,
    ) -> Answer<Vec<u8>> {
        let piece = self.piece;
        // The first piece comes with the file's length: what is small takes no further round trip.
        let length = len
            .is_none()
            .then(|| self.ask(request::FSTAT, |body| body.text(&handle.0)));
        let mut bytes: Vec<u8> = Vec::new();
        let mut end = len.unwrap_or(piece);
        // Where the file is said to end.
        let mut known = usize::MAX;
        // Asked for and not yet there: the request, where its bytes go, how many they are.
        let mut waiting: VecDeque<(u32, usize, usize)> = VecDeque::new();
        let mut next = 0;
        let mut length = length;
        loop {
            while next < end && waiting.len() < (AHEAD / piece).max(1) {
                let len = (end - next).min(piece);
                if let Some(limit) = limit {
                    // What would be waited for here is not waited for by those that are under way.
                    self.flush()?;
                    limit.take(len);
                }
                let id = self.ask_read(handle, offset + next as u64, len);
                waiting.push_back((id, next, len));
                next += len;
            }
            if let Some(id) = length.take() {
                let size = self.attributes(id)?.size.unwrap_or(u64::MAX);
                known = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
                end = end.max(known);
                continue;
            }
            let Some((id, at, len)) = waiting.pop_front() else {
                return Ok(bytes);
            };
            let data = match self.reply(id)? {
                Reply::Data(data) => data,
                Reply::Status {
                    code: code::EOF, ..
                } => Vec::new(),
                other => {
                    waiting.iter().for_each(|(id, ..)| self.disregard(*id));
                    return Err(unexpected(other));
                }
            };
            if data.len() > len {
                return Err(wire::Garbled.into());
            }
            bytes.extend(&data);
            if data.is_empty() {
                // Here it ends, whatever its length was said to be.
                waiting.iter().for_each(|(id, ..)| self.disregard(*id));
                return Ok(bytes);
            }
            if data.len() < len && at + data.len() != known {
                // What was left out is asked for again, before all that comes after it.
                let (at, len) = (at + data.len(), len - data.len());
                let id = self.ask_read(handle, offset + at as u64, len);
                waiting.push_front((id, at, len));
            }
        }
    }

    fn ask_read(&mut self, handle: &Handle, offset: u64, len: usize) -> u32 {
        self.ask(request::READ, |body| {
            body.text(&handle.0).long(offset).number(len as u32)
        })
    }

    /// Whether the server renames in place of what has the name, in one step.
    pub fn replaces(&self) -> bool {
        self.extensions.posix_rename
    }

    /// Gives a file another name, in place of what has it where [`Client::replaces`].
    pub fn replace(&mut self, from: &str, to: &str, folder: Option<&Handle>) -> Answer<()> {
        let body = Body::default().text(from).text(to);
        let id = self.extended("posix-rename@openssh.com", body);
        self.renamed(id, folder)
    }

    /// Gives a file another name that must be free.
    pub fn rename(&mut self, from: &str, to: &str, folder: Option<&Handle>) -> Answer<()> {
        let id = self.ask(request::RENAME, |body| body.text(from).text(to));
        self.renamed(id, folder)
    }

    /// Has the folder's entries reach the disk too, in the same round trip: OpenSSH does one thing after the other.
    fn renamed(&mut self, id: u32, folder: Option<&Handle>) -> Answer<()> {
        let synced = folder.map(|folder| self.sync(folder));
        let renamed = self.done(id);
        if let Some(id) = synced {
            self.reply(id)?;
        }
        renamed
    }

    fn sync(&mut self, handle: &Handle) -> u32 {
        self.extended("fsync@openssh.com", Body::default().text(&handle.0))
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) -> Answer<()> {
        let id = self.ask(request::REMOVE, |body| body.text(path));
        self.done(id)
    }

    /// What is known of a file; symbolic links are followed.
    pub fn stat(&mut self, path: &str) -> Answer<Attributes> {
        let id = self.ask(request::STAT, |body| body.text(path));
        self.attributes(id)
    }

    fn attributes(&mut self, id: u32) -> Answer<Attributes> {
        match self.reply(id)? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => Err(unexpected(other)),
        }
    }

    /// Makes a folder in one that is there.
    pub fn make_folder(&mut self, path: &str) -> Answer<()> {
        let id = self.ask(request::MKDIR, |body| body.text(path).mode(0o700));
        self.done(id)
    }

    /// Sees to it that a folder's entries have reached the disk, where the server lets a folder be opened as a file.
    pub fn sync_folder(&mut self, path: &str) -> Answer<()> {
        if !self.extensions.fsync {
            return Ok(());
        }
        let id = self.open(path, flag::READ);
        let handle = match self.handle(id) {
            Err(Trouble::Status { .. }) => return Ok(()),
            handle => handle?,
        };
        let id = self.sync(&handle);
        self.forget(&handle);
        match self.done(id) {
            Err(Trouble::Status { .. }) => Ok(()),
            done => done,
        }
    }

    /// Bytes that may still be written below a folder, where the server says.
    pub fn free(&mut self, path: &str) -> Answer<Option<u64>> {
        if !self.extensions.statvfs {
            return Ok(None);
        }
        let id = self.extended("statvfs@openssh.com", Body::default().text(path));
        match self.reply(id)? {
            Reply::Extended(body) => Ok(Some(wire::parse_free(&body)?)),
            Reply::Status { .. } => Ok(None),
            other => Err(unexpected(other)),
        }
    }

    /// What is in each of these folders, all of them asked for at once; nothing of those that are not there.
    pub fn list(&mut self, folders: &[String]) -> Answer<Vec<Entries>> {
        let asked: Vec<u32> = folders
            .iter()
            .map(|folder| self.ask(request::OPENDIR, |body| body.text(folder)))
            .collect();
        let mut handles = Vec::new();
        let mut failed = None;
        for (number, id) in asked.into_iter().enumerate() {
            match self.handle(id) {
                Ok(handle) => handles.push((number, handle)),
                Err(trouble) if trouble.is(code::NO_SUCH_FILE) => {}
                Err(trouble @ Trouble::Status { .. }) => failed = Some(trouble),
                Err(trouble) => return Err(trouble),
            }
        }
        let mut found = vec![Vec::new(); folders.len()];
        while !handles.is_empty() && failed.is_none() {
            let asked: Vec<_> = handles
                .drain(..)
                .map(|(number, handle)| {
                    let id = self.ask(request::READDIR, |body| body.text(&handle.0));
                    (id, number, handle)
                })
                .collect();
            for (id, number, handle) in asked {
                match self.reply(id)? {
                    Reply::Names(names) if !names.is_empty() => {
                        found[number].extend(names);
                        handles.push((number, handle));
                    }
                    Reply::Names(_)
                    | Reply::Status {
                        code: code::EOF, ..
                    } => self.forget(&handle),
                    other => {
                        self.forget(&handle);
                        failed = Some(unexpected(other));
                    }
                }
            }
        }
        for (_, handle) in &handles {
            self.forget(handle);
        }
        let Some(trouble) = failed else {
            return self.complete(folders, found);
        };
        Err(trouble)
    }

    /// Asks for the attributes that the listing lacks, as some servers' do.
    fn complete(&mut self, folders: &[String], mut found: Vec<Entries>) -> Answer<Vec<Entries>> {
        for (folder, entries) in folders.iter().zip(&mut found) {
            entries.retain(|(name, _)| name != b"." && name != b"..");
            for (name, attributes) in entries {
                if attributes.mode.is_some() && attributes.modified.is_some() {
                    continue;
                }
                let mut path = folder.clone().into_bytes();
                path.push(b'/');
                path.extend(&*name);
                let id = self.ask(request::LSTAT, |body| body.text(&path));
                match self.attributes(id) {
                    Ok(known) => *attributes = known,
                    Err(trouble) if trouble.is(code::NO_SUCH_FILE) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        Ok(found)
    }
}

fn unexpected(reply: Reply) -> Trouble {
    match reply {
        Reply::Status { code, message } => Trouble::Status { code, message },
        _ => wire::Garbled.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that does all that the protocol allows and OpenSSH does not do: it reads less than it is asked for, answers
    /// the last request first, and says little of what a folder holds.
    #[derive(Default)]
    struct Odd {
        file: Vec<u8>,
        asked: Vec<u8>,
        answers: Vec<Vec<u8>>,
        /// What is left of the answer that is being read.
        begun: Vec<u8>,
        listed: bool,
    }

    impl Odd {
        fn answer(&mut self, kind: u8, id: u32, body: &Body) {
            let body = [&[kind][..], &id.to_be_bytes(), &body.0].concat();
            let packet = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
            self.answers.push(packet);
        }

        fn serve(&mut self, packet: &[u8]) {
            let number =
                |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four bytes"));
            if packet[0] == request::INIT {
                self.answers.push(vec![0, 0, 0, 5, 2, 0, 0, 0, 3]);
                return;
            }
            let id = number(1);
            let status = |code| Body::default().number(code).text("").text("");
            match packet[0] {
                request::OPEN | request::OPENDIR => {
                    self.answer(102, id, &Body::default().text("h"));
                }
                request::FSTAT => self.answer(105, id, &Body::default().number(0)),
                request::LSTAT => {
                    let known = Body::default().number(0b1101).long(7);
                    self.answer(105, id, &known.number(0o100_600).number(1).number(2));
                }
                request::READ => {
                    let (offset, len) = (number(14) as usize, number(18) as usize);
                    let end = self.file.len().min(offset + len.min(1000));
                    match self.file.get(offset..end).filter(|data| !data.is_empty()) {
                        Some(data) => {
                            let data = Body::default().text(data);
                            self.answer(103, id, &data);
                        }
                        None => self.answer(101, id, &status(code::EOF)),
                    }
                }
                request::READDIR if !self.listed => {
                    self.listed = true;
                    let names = Body::default().number(2).text(".").text("").number(0);
                    self.answer(104, id, &names.text("x").text("").number(0));
                }
                request::READDIR => self.answer(101, id, &status(code::EOF)),
                request::RENAME => self.answer(101, id, &status(code::FAILURE)),
                _ => self.answer(101, id, &status(code::OK)),
            }
        }
    }

    impl Write for Odd {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.extend(bytes);
            while let Some((len, rest)) = self.asked.split_first_chunk::<4>() {
                let len = u32::from_be_bytes(*len) as usize;
                let Some(packet) = rest.get(..len).map(<[u8]>::to_vec) else {
                    break;
                };
                self.asked.drain(..4 + len);
                self.serve(&packet);
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.answers.clear();
            Ok(())
        }
    }

    impl Read for Odd {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.begun.is_empty() {
                self.begun = self.answers.pop().unwrap_or_default();
            }
            let len = into.len().min(self.begun.len()).min(777);
            into[..len].copy_from_slice(&self.begun[..len]);
            self.begun.drain(..len);
            Ok(len)
        }
    }

    #[test]
    fn a_server_may_answer_in_pieces_and_in_any_order() {
        let file: Vec<u8> = (0..100_000u32).map(|number| (number / 3) as u8).collect();
        let mut client = Client::new(Odd {
            file: file.clone(),
            ..Odd::default()
        })
        .expect("greeted");
        assert_eq!(client.read("f", 0, None, None).expect("read"), file);
        let part = client.read("f", 99_000, Some(5000), None).expect("read");
        assert_eq!(part, file[99_000..]);
        let part = client.read("f", 10, Some(50_000), None).expect("read");
        assert_eq!(part, file[10..50_010]);
        client.create("f", Some("."), &file, None).expect("written");
        assert!(!client.replaces());
        let refused = client.rename("f", "g", None).expect_err("refused");
        assert!(refused.is(code::FAILURE));
        let listed = client.list(&["d".to_owned()]).expect("listed");
        let (name, attributes) = &listed[0][0];
        assert_eq!((listed[0].len(), &name[..]), (1, &b"x"[..]));
        assert!(attributes.is_file() && attributes.size == Some(7));
        assert!(client.early.is_empty(), "answers nobody asked for are kept");
    }

    #[test]
    fn a_greeting_in_words_is_not_sftp() {
        struct Words(&'static [u8]);
        impl Read for Words {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.read(into)
            }
        }
        impl Write for Words {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let said = Client::new(Words(b"Welcome to this host")).map(drop);
        assert!(matches!(said, Err(Trouble::Garbled(_))));
        let said = Client::new(Words(b"\0\0")).map(drop);
        assert!(matches!(said, Err(Trouble::Broken(_))));
    }
}
