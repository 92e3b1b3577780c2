//! A pack: groups of chunks, sealed, with a directory that the index key opens and parity that needs no key.
//!
//! Chunks that are new and stand next to each other are compressed and sealed together as a *group*: they are
//! deduplicated as finely as chunks, compressed as well as 2 MiB together, and storage cannot see where one ends.

use crate::error::{Error, Malformed, Result};
use crate::id::{Id, hex};
use crate::parity::{self, Layout};
use crate::seal::{Aead, Fast, Key, TAG, derive, open_box, seal_box};
use crate::wire::{Cursor, put_varint};

/// Bytes that a group is filled to, before compression.
pub const GROUP: usize = 2 << 20;
/// Bytes that a pack is filled to, before parity.
pub const PACK: usize = 16 << 20;
/// Bytes that nothing here goes beyond: a reader refuses more.
const LIMIT: usize = 1 << 30;

const MAGIC: &[u8; 8] = b"CEPACK01";
const HEADER: usize = 64;
const CONTEXT: &str = "pack";

/// Who can open a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// The organisation: content, names, metadata.
    Private = 0,
    /// Maintenance and the writer too: chunk ids in order.
    Skeleton = 1,
}

/// One run of a writer: a key for content that only the recipients get back.
pub struct Session {
    /// Of the run.
    pub id: [u8; 16],
    private: Key,
    skeleton: Key,
}

impl Session {
    /// Takes the content key, when there is one, and the writer's index key.
    #[must_use]
    pub fn new(id: [u8; 16], private: Key, index_key: &[u8; 32]) -> Self {
        Session {
            id,
            private,
            skeleton: derive(index_key, &id),
        }
    }

    fn key(&self, class: Class) -> Fast {
        Fast::new(match class {
            Class::Private => &self.private,
            Class::Skeleton => &self.skeleton,
        })
    }
}

/// A chunk's place in a group: its id and length in bytes.
pub type Member = (Id, u32);

/// What a pack's directory says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Who can open it.
    pub class: Class,
    zstd: bool,
    counter: u64,
    /// Where its sealed bytes begin in the pack.
    pub offset: u32,
    /// How many sealed bytes there are.
    pub stored: u32,
    /// Its chunks, in the order of their bytes.
    pub members: Vec<Member>,
}

impl Group {
    /// Bytes of its chunks together.
    #[must_use]
    pub fn raw(&self) -> usize {
        self.members.iter().map(|(_, len)| *len as usize).sum()
    }

    /// What is authenticated besides the bytes: who, which, how, and each chunk's name and length.
    fn associated(&self, session: &[u8; 16]) -> Vec<u8> {
        let mut aad = Vec::with_capacity(16 + 8 + 2 + self.members.len() * 36);
        aad.extend_from_slice(session);
        aad.extend_from_slice(&self.counter.to_le_bytes());
        aad.extend_from_slice(&[self.class as u8, u8::from(self.zstd)]);
        for (id, len) in &self.members {
            aad.extend_from_slice(&id.0);
            aad.extend_from_slice(&len.to_le_bytes());
        }
        aad
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.counter.to_le_bytes());
        nonce
    }

    /// Opens and decompresses; `None` when these are not the bytes that were sealed.
    #[must_use]
    pub fn open(&self, session: &Session, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let aad = self.associated(&session.id);
        let len = session
            .key(self.class)
            .open(self.nonce(), &aad, &mut sealed)?
            .len();
        sealed.truncate(len);
        let raw = self.raw();
        if self.zstd {
            sealed = zstd::bulk::decompress(&sealed, raw).ok()?;
        }
        (sealed.len() == raw).then_some(sealed)
    }
}

/// A group that is ready to be stored.
pub struct Sealed<'a> {
    group: Group,
    bytes: &'a [u8],
}

/// Compresses and seals groups; one for each thread.
pub struct Sealer {
    zstd: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Sealer {
    /// With zstd at this level.
    ///
    /// Level 3 here has a longer least match and a larger table than zstd's own: on the corpus 1 % smaller at the same speed.
    #[must_use]
    pub fn new(level: i32) -> Self {
        use zstd::zstd_safe::CParameter;
        let mut zstd = zstd::bulk::Compressor::new(level).expect("zstd takes any level");
        if level == 3 {
            for parameter in [
                CParameter::MinMatch(6),
                CParameter::HashLog(18),
                CParameter::ChainLog(17),
            ] {
                zstd.set_parameter(parameter)
                    .expect("the parameters are within zstd's limits");
            }
        }
        Sealer {
            zstd,
            buffer: Vec::new(),
        }
    }

    /// Compresses, when that saves anything, and seals. The counter is used once in a session.
    pub fn seal(
        &mut self,
        session: &Session,
        counter: u64,
        class: Class,
        raw: &[u8],
        members: Vec<Member>,
    ) -> Sealed<'_> {
        let bytes = &mut self.buffer;
        bytes.clear();
        bytes.reserve(zstd::zstd_safe::compress_bound(raw.len()) + TAG);
        let compressed = self
            .zstd
            .compress_to_buffer(raw, bytes)
            .is_ok_and(|len| len + len / 32 < raw.len());
        if !compressed {
            bytes.clear();
            bytes.extend_from_slice(raw);
        }
        let mut group = Group {
            class,
            zstd: compressed,
            counter,
            offset: 0,
            stored: 0,
            members,
        };
        session
            .key(class)
            .seal(group.nonce(), &group.associated(&session.id), bytes);
        group.stored = u32::try_from(bytes.len()).expect("a group has a few MiB");
        Sealed { group, bytes }
    }
}

/// The size that a length is blurred to: at most 12 % more, a few sizes only (Nikitin et al., "PURBs", PETS 2019).
#[must_use]
pub fn padme(len: usize) -> usize {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let bits = exponent.saturating_sub(exponent.ilog2() + 1);
    let mask = (1 << bits) - 1;
    (len + mask) & !mask
}

/// Fills a pack.
pub struct Builder {
    bytes: Vec<u8>,
    groups: Vec<Group>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::reusing(Vec::new())
    }
}

/// A pack that is ready to be stored.
pub struct Pack {
    /// Its name.
    pub id: Id,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its directory.
    pub groups: Vec<Group>,
}

impl Builder {
    /// An empty one, in the buffer of an earlier pack.
    #[must_use]
    pub fn reusing(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(HEADER, 0);
        Builder {
            bytes,
            groups: Vec::new(),
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether another group would make it larger than it should be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() + GROUP > PACK
    }

    /// Appends a group of another pack of the same session, as it is.
    pub fn push_sealed(&mut self, group: Group, bytes: &[u8]) {
        self.push(Sealed { group, bytes });
    }

    /// Appends a group.
    pub fn push(&mut self, sealed: Sealed<'_>) {
        let mut group = sealed.group;
        if self.bytes.len() > PACK / 8 && self.bytes.capacity() < PACK {
            self.bytes
                .reserve_exact(PACK + PACK / 32 - self.bytes.len());
        }
        group.offset = u32::try_from(self.bytes.len()).expect("a pack has a few MiB");
        self.bytes.extend_from_slice(sealed.bytes);
        self.groups.push(group);
    }

    /// Adds directory, padding and parity.
    #[must_use]
    pub fn finish(
        self,
        session: &[u8; 16],
        writer: &[u8; 16],
        index_key: &[u8; 32],
        percent: u8,
    ) -> Pack {
        let mut bytes = self.bytes;
        let directory = seal_box(index_key, CONTEXT, &encode_directory(&self.groups));
        let at = bytes.len();
        bytes.extend_from_slice(&directory);
        if bytes.len() < PACK / 2 {
            bytes.resize(padme(bytes.len()), 0);
        }
        let header = Header {
            writer: *writer,
            session: *session,
            payload: bytes.len() as u32,
            directory: at as u32,
            directory_len: directory.len() as u32,
            percent,
        }
        .encode();
        bytes[..HEADER].copy_from_slice(&header);
        let section = parity::encode(&bytes, percent);
        bytes.extend_from_slice(&section);
        bytes.extend_from_slice(&header);
        Pack {
            id: Id::of(&bytes),
            bytes,
            groups: self.groups,
        }
    }
}

pub(crate) fn encode_directory(groups: &[Group]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, groups.len() as u64);
    for group in groups {
        out.extend_from_slice(&[group.class as u8, u8::from(group.zstd)]);
        put_varint(&mut out, group.counter);
        put_varint(&mut out, u64::from(group.stored));
        put_varint(&mut out, group.members.len() as u64);
        for (id, len) in &group.members {
            out.extend_from_slice(&id.0);
            put_varint(&mut out, u64::from(*len));
        }
    }
    out
}

pub(crate) fn decode_directory(bytes: &[u8], end: u32) -> Result<Vec<Group>, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let mut offset = HEADER as u32;
    let groups = (0..cursor.count(5)?)
        .map(|_| {
            let class = match cursor.byte()? {
                0 => Class::Private,
                1 => Class::Skeleton,
                _ => return Err(Malformed("a group is of an unknown class")),
            };
            let zstd = match cursor.byte()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed("a group is compressed in an unknown way")),
            };
            let counter = cursor.varint()?;
            let small =
                |value: u64| u32::try_from(value).map_err(|_| Malformed("a size is too large"));
            let stored = small(cursor.varint()?)?;
            let members = (0..cursor.count(33)?)
                .map(|_| Ok((Id(cursor.array()?), small(cursor.varint()?)?)))
                .collect::<Result<Vec<_>, Malformed>>()?;
            let group = Group {
                class,
                zstd,
                counter,
                offset,
                stored,
                members,
            };
            offset = offset
                .checked_add(stored)
                .filter(|end_of| *end_of <= end)
                .ok_or(Malformed("a group is outside"))?;
            if group.raw() > LIMIT {
                return Err(Malformed("a group is too large"));
            }
            Ok(group)
        })
        .collect::<Result<_, _>>()?;
    cursor.end()?;
    Ok(groups)
}

/// What stands at both ends of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Who wrote it.
    pub writer: [u8; 16],
    /// In which run.
    pub session: [u8; 16],
    payload: u32,
    directory: u32,
    directory_len: u32,
    percent: u8,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.writer);
        bytes.extend_from_slice(&self.session);
        for number in [
            self.payload,
            self.directory,
            self.directory_len,
            u32::from(self.percent),
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let check = *blake3::hash(&bytes).as_bytes();
        bytes.extend_from_slice(&check[..8]);
        bytes.try_into().expect("8 + 16 + 16 + 4 * 4 + 8 bytes")
    }

    /// Bytes that a reader fetches to know the rest.
    pub const LEN: usize = HEADER;

    /// Reads one.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        if cursor.take(8)? != MAGIC {
            return Err(Malformed("it does not begin as a pack"));
        }
        let (writer, session) = (cursor.array()?, cursor.array()?);
        let [payload, directory, directory_len, percent] =
            [cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?];
        let percent =
            u8::try_from(percent).map_err(|_| Malformed("its parity is out of bounds"))?;
        if cursor.take(8)? != &blake3::hash(&bytes[..HEADER - 8]).as_bytes()[..8] {
            return Err(Malformed("its header's digest does not match"));
        }
        let end = u64::from(directory) + u64::from(directory_len);
        if (directory as usize) < HEADER || end > u64::from(payload) || payload as usize > LIMIT {
            return Err(Malformed("its directory is outside"));
        }
        Ok(Header {
            writer,
            session,
            payload,
            directory,
            directory_len,
            percent,
        })
    }

    /// Where the sealed directory is: offset and length.
    #[must_use]
    pub fn directory(&self) -> (u64, usize) {
        (u64::from(self.directory), self.directory_len as usize)
    }

    /// Opens the directory's bytes with the writer's index key.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub fn groups(&self, index_key: &[u8; 32], sealed: &[u8]) -> Result<Vec<Group>, Malformed> {
        let plain =
            open_box(index_key, CONTEXT, sealed).ok_or(Malformed("its directory does not open"))?;
        decode_directory(&plain, self.directory)
    }

    /// Bytes of the whole pack.
    #[must_use]
    pub fn total(&self) -> usize {
        let layout = Layout {
            payload: self.payload as usize,
            percent: self.percent,
        };
        layout.payload + layout.section() + HEADER
    }
}

/// The header of a pack, from whichever end has it undamaged.
///
/// # Errors
/// Says what is wrong with the first.
pub fn header(bytes: &[u8]) -> Result<Header, Malformed> {
    let first = Header::decode(bytes);
    let last = || {
        bytes
            .len()
            .checked_sub(HEADER)
            .and_then(|at| Header::decode(&bytes[at..]).ok())
    };
    first.or_else(|why| {
        last()
            .filter(|header| header.total() == bytes.len())
            .ok_or(why)
    })
}

/// Mends a damaged pack from its parity; `None` when that is beyond it.
#[must_use]
pub fn mend(id: &Id, bytes: &[u8]) -> Option<Vec<u8>> {
    if Id::of(bytes) == *id {
        return Some(bytes.to_vec());
    }
    let header = header(bytes).ok()?;
    let mut mended = bytes.to_vec();
    mended.resize(header.total(), 0);
    let (payload, rest) = mended.split_at_mut(header.payload as usize);
    let section = rest.len() - HEADER;
    payload[..HEADER].copy_from_slice(&header.encode());
    parity::mend(payload, &rest[..section], header.percent);
    let again = parity::encode(payload, header.percent);
    rest[..section].copy_from_slice(&again);
    rest[section..].copy_from_slice(&header.encode());
    (Id::of(&mended) == *id).then_some(mended)
}

/// Where a pack is in the store.
#[must_use]
pub fn name(id: &Id) -> String {
    format!("packs/{}/{id}", hex(&id.0[..1]))
}

/// The pack that a name in the store stands for.
#[must_use]
pub fn id_of(name: &str) -> Option<Id> {
    let id = Id::parse(name.rsplit('/').next()?)?;
    (self::name(&id) == name).then_some(id)
}

/// The pack's header and directory, from its bytes.
///
/// # Errors
/// [`Error::Damaged`], naming it.
pub fn read(id: &Id, bytes: &[u8], index_key: &[u8; 32]) -> Result<(Header, Vec<Group>)> {
    let damaged = || Error::damaged(name(id));
    let header = header(bytes).map_err(damaged())?;
    let (at, len) = header.directory();
    let sealed = bytes.get(at as usize..).and_then(|rest| rest.get(..len));
    let sealed = sealed
        .ok_or(Malformed("it is cut short"))
        .map_err(damaged())?;
    let groups = header.groups(index_key, sealed).map_err(damaged())?;
    Ok((header, groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn session() -> Session {
        Session::new([7; 16], Key::new([1; 32]), &[2; 32])
    }

    fn sample(raw: &[&[u8]], percent: u8) -> Pack {
        let mut builder = Builder::default();
        for (counter, raw) in raw.iter().enumerate() {
            let members = raw
                .chunks(50_000)
                .map(|chunk| (Id::of(chunk), chunk.len() as u32))
                .collect();
            builder.push(Sealer::new(3).seal(
                &session(),
                counter as u64,
                Class::Private,
                raw,
                members,
            ));
        }
        builder.finish(&[7; 16], &[3; 16], &[2; 32], percent)
    }

    #[test]
    fn chunks_come_back_compressed_or_not() {
        let (text, random) = (b"all work and no play ".repeat(9000), noise(200_000));
        let pack = sample(&[&text, &random], 2);
        assert!(pack.bytes.len() < 260_000);
        let (header, groups) = read(&pack.id, &pack.bytes, &[2; 32]).expect("as written");
        assert_eq!((header.total(), &groups), (pack.bytes.len(), &pack.groups));
        for (group, raw) in groups.iter().zip([&text, &random]) {
            let sealed = pack.bytes[group.offset as usize..][..group.stored as usize].to_vec();
            assert_eq!(group.open(&session(), sealed).as_ref(), Some(raw));
        }
        assert!(read(&pack.id, &pack.bytes, &[3; 32]).is_err());
    }

    #[test]
    fn a_group_is_bound_to_its_chunks_and_its_session() {
        let text = noise(1000);
        let pack = sample(&[&text], 2);
        let sealed = || pack.bytes[HEADER..][..pack.groups[0].stored as usize].to_vec();
        let mut group = pack.groups[0].clone();
        assert!(group.open(&session(), sealed()).is_some());
        assert!(
            group
                .open(
                    &Session::new([8; 16], Key::new([1; 32]), &[2; 32]),
                    sealed()
                )
                .is_none()
        );
        group.members[0].0 = Id::of(b"another");
        assert!(group.open(&session(), sealed()).is_none());
    }

    #[test]
    fn sizes_are_blurred() {
        assert_eq!(
            [padme(1), padme(100), padme(1000), padme(1_000_000)],
            [1, 104, 1024, 1_015_808]
        );
        let lengths: std::collections::HashSet<_> = (1000..1020)
            .map(|len| sample(&[&noise(len)], 2).bytes.len())
            .collect();
        assert!(lengths.len() <= 2, "{lengths:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn one_damaged_byte_anywhere_is_mended(at: prop::sample::Index, mask in 1u8..) {
            let pack = sample(&[&noise(30_000)], 2);
            let mut damaged = pack.bytes.clone();
            damaged[at.index(pack.bytes.len())] ^= mask;
            let mended = mend(&pack.id, &damaged);
            prop_assert_eq!(mended.as_ref(), Some(&pack.bytes));
        }

        #[test]
        fn hostile_headers_and_directories_never_panic(bytes: Vec<u8>) {
            let _ = header(&bytes);
            let _ = decode_directory(&bytes, 1 << 20);
        }
    }

    #[test]
    fn a_lost_64_kib_is_mended_at_either_end() {
        let pack = sample(&[&noise(5 << 20)], 2);
        for at in [0, 3 << 20, pack.bytes.len() - (64 << 10)] {
            let mut damaged = pack.bytes.clone();
            damaged[at..at + (64 << 10)].fill(0);
            assert_eq!(
                mend(&pack.id, &damaged).as_ref(),
                Some(&pack.bytes),
                "at {at}"
            );
        }
        assert_eq!(mend(&pack.id, &pack.bytes[..100]), None);
    }
}
