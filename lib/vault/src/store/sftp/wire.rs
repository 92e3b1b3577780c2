//! The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) and of OpenSSH's extensions to it (its file PROTOCOL,
//! section 4). Pure: bytes to values and back. What the server sends is never believed.

/// The version that OpenSSH and nearly everyone else speaks.
pub const VERSION: u32 = 3;
/// A packet of the server longer than this is none; OpenSSH's are at most 256 KiB long.
pub const MOST: usize = 1 << 20;

/// Requests, by their numbers.
pub mod request {
    pub const INIT: u8 = 1;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const EXTENDED: u8 = 200;
}

/// Flags of an `OPEN`.
pub mod flag {
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const CREATE: u32 = 8;
    pub const EXCLUSIVE: u32 = 0x20;
}

/// Codes of a status.
pub mod code {
    pub const OK: u32 = 0;
    pub const EOF: u32 = 1;
    pub const NO_SUCH_FILE: u32 = 2;
    pub const PERMISSION_DENIED: u32 = 3;
    pub const FAILURE: u32 = 4;
    pub const NO_CONNECTION: u32 = 6;
    pub const CONNECTION_LOST: u32 = 7;
    pub const UNSUPPORTED: u32 = 8;
    /// Of version 5 on, and what a failure for want of space is called here.
    pub const NO_SPACE: u32 = 14;
    pub const QUOTA_EXCEEDED: u32 = 15;
}

/// A request that is being written.
#[derive(Debug, Default)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub fn long(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// A length and so many bytes.
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.0.extend((text.len() as u32).to_be_bytes());
        self.0.extend(text);
        self
    }

    /// Attributes with these permissions and nothing else.
    pub fn mode(self, mode: u32) -> Self {
        self.number(attribute::PERMISSIONS).number(mode)
    }
}

mod attribute {
    pub const SIZE: u32 = 1;
    pub const OWNER: u32 = 2;
    pub const PERMISSIONS: u32 = 4;
    pub const TIMES: u32 = 8;
    pub const EXTENDED: u32 = 0x8000_0000;
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    pub size: Option<u64>,
    pub mode: Option<u32>,
    /// Seconds since 1970.
    pub modified: Option<u32>,
}

impl Attributes {
    pub fn is_file(self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o170_000 == 0o100_000)
    }

    pub fn is_folder(self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o170_000 == 0o040_000)
    }
}

/// An answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Status { code: u32, message: String },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<(Vec<u8>, Attributes)>),
    Attributes(Attributes),
    Extended(Vec<u8>),
}

/// Bytes that cannot be what they should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Garbled;

type Parsed<T> = Result<T, Garbled>;

impl Reply {
    /// A packet without its length: the number of the request and the answer to it.
    pub fn parse(packet: &[u8]) -> Parsed<(u32, Reply)> {
        let mut rest = Bytes(packet);
        let kind = rest.byte()?;
        let id = rest.number()?;
        let reply = match kind {
            101 => Reply::Status {
                code: rest.number()?,
                // Servers of old leave the message out.
                message: String::from_utf8_lossy(rest.text().unwrap_or_default()).into_owned(),
            },
            102 => Reply::Handle(rest.text()?.to_vec()),
            103 => Reply::Data(rest.text()?.to_vec()),
            104 => {
                let count = rest.number()?;
                let mut names = Vec::new();
                for _ in 0..count {
                    let name = rest.text()?.to_vec();
                    rest.text()?;
                    names.push((name, rest.attributes()?));
                }
                Reply::Names(names)
            }
            105 => Reply::Attributes(rest.attributes()?),
            201 => Reply::Extended(rest.0.to_vec()),
            _ => return Err(Garbled),
        };
        Ok((id, reply))
    }
}

/// The answer to `INIT`: the version and the extensions' names with their versions.
pub fn parse_version(packet: &[u8]) -> Parsed<(u32, Vec<(String, String)>)> {
    let mut rest = Bytes(packet);
    if rest.byte()? != 2 {
        return Err(Garbled);
    }
    let version = rest.number()?;
    let mut extensions = Vec::new();
    while !rest.0.is_empty() {
        let mut text = || Ok(String::from_utf8_lossy(rest.text()?).into_owned());
        extensions.push((text()?, text()?));
    }
    Ok((version, extensions))
}

/// Bytes that a user without privileges may still write, of an answer to statvfs@openssh.com.
pub fn parse_free(body: &[u8]) -> Parsed<u64> {
    let mut rest = Bytes(body);
    let (_block, fragment) = (rest.long()?, rest.long()?);
    let (_blocks, _free) = (rest.long()?, rest.long()?);
    Ok(rest.long()?.saturating_mul(fragment))
}

/// The longest packet, read and write of an answer to limits@openssh.com, in bytes; 0 where there is no limit.
pub fn parse_limits(body: &[u8]) -> Parsed<[u64; 3]> {
    let mut rest = Bytes(body);
    Ok([rest.long()?, rest.long()?, rest.long()?])
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Garbled)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Garbled)
    }

    fn byte(&mut self) -> Parsed<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn number(&mut self) -> Parsed<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn long(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Parsed<&'a [u8]> {
        let len = self.number()?;
        self.take(len as usize)
    }

    fn attributes(&mut self) -> Parsed<Attributes> {
        let flags = self.number()?;
        let has = |flag| flags & flag != 0;
        let mut attributes = Attributes::default();
        if has(attribute::SIZE) {
            attributes.size = Some(self.long()?);
        }
        if has(attribute::OWNER) {
            self.long()?;
        }
        if has(attribute::PERMISSIONS) {
            attributes.mode = Some(self.number()?);
        }
        if has(attribute::TIMES) {
            self.number()?;
            attributes.modified = Some(self.number()?);
        }
        if has(attribute::EXTENDED) {
            for _ in 0..self.number()? {
                self.text()?;
                self.text()?;
            }
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(kind: u8, body: Body) -> Vec<u8> {
        let mut packet = vec![kind];
        packet.extend(body.0);
        packet
    }

    #[test]
    fn answers_are_understood() {
        let status = Body::default().number(7).number(4).text("Failure").text("");
        let names = Body::default()
            .number(8)
            .number(1)
            .text("aa")
            .text("drwxr-xr-x aa")
            .number(attribute::SIZE | attribute::OWNER | attribute::PERMISSIONS | attribute::TIMES)
            .long(4096)
            .long(0)
            .number(0o040_755)
            .number(1)
            .number(2);
        assert_eq!(
            Reply::parse(&packet(101, status)),
            Ok((
                7,
                Reply::Status {
                    code: code::FAILURE,
                    message: "Failure".to_owned()
                }
            ))
        );
        let attributes = Attributes {
            size: Some(4096),
            mode: Some(0o040_755),
            modified: Some(2),
        };
        assert!(attributes.is_folder() && !attributes.is_file());
        assert_eq!(
            Reply::parse(&packet(104, names)),
            Ok((8, Reply::Names(vec![(b"aa".to_vec(), attributes)])))
        );
        let short = Body::default().number(9).number(1);
        assert!(Reply::parse(&packet(101, short)).is_ok());
        assert_eq!(Reply::parse(b"Welcome to host"), Err(Garbled));
        let version = Body::default().number(3).text("a@b").text("1");
        assert_eq!(
            parse_version(&packet(2, version)),
            Ok((3, vec![("a@b".to_owned(), "1".to_owned())]))
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_an_answer_or_garbled(kind in 100u8..106, bytes: Vec<u8>) {
            let _ = Reply::parse(&bytes);
            let _ = parse_version(&bytes);
            let _ = parse_free(&bytes);
            let _ = parse_limits(&bytes);
            let _ = Reply::parse(&[&[kind, 0, 0, 0, 1], &bytes[..]].concat());
        }
    }
}
