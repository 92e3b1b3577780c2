//! The part of the D-Bus wire protocol that asking systemd takes: method calls with strings, and their answers.
//!
//! After the D-Bus specification, sections "Type system", "Marshaling" and "Message protocol". Nothing is believed:
//! every length is checked against what is there, and containers nest no deeper than the specification allows.

/// The longest message that is read, in bytes; ListUnits of ten thousand units takes 3 MB.
pub(super) const MAX_MESSAGE: usize = 32 << 20;

/// Arrays and structures together nest no deeper.
const MAX_DEPTH: u8 = 64;

/// A value that came.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    /// An array, a structure or an entry of a dictionary.
    List(Vec<Value>),
    /// A signed or broken number, which nobody here asks for.
    Other,
}

impl Value {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }
}

/// What kind of message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    /// A call or a signal.
    Other,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Which call it answers.
    pub(super) reply_to: u64,
    /// With an error, its name.
    pub(super) error: String,
    pub(super) body: Vec<Value>,
}

/// The size of the fixed part and the field array's length, in bytes.
pub(super) const START: usize = 16;

/// How long the whole message is, told by its first [`START`] bytes; `None` when they begin none.
pub(super) fn length(start: &[u8]) -> Option<usize> {
    let big = match start.first()? {
        b'l' => false,
        b'B' => true,
        _ => return None,
    };
    let reader = Reader {
        bytes: start,
        at: 0,
        big,
    };
    let (body, fields) = (reader.peek(4)?, reader.peek(12)?);
    let header = START + usize::try_from(fields).ok()?;
    let all = header
        .next_multiple_of(8)
        .checked_add(usize::try_from(body).ok()?)?;
    (all <= MAX_MESSAGE).then_some(all)
}

/// Reads a whole message.
pub(super) fn parse(bytes: &[u8]) -> Option<Message> {
    if length(bytes)? != bytes.len() {
        return None;
    }
    let mut reader = Reader {
        bytes,
        at: 12,
        big: bytes[0] == b'B',
    };
    let kind = match bytes[1] {
        2 => Kind::Return,
        3 => Kind::Error,
        _ => Kind::Other,
    };
    let fields = reader.value(&mut &b"a(yv)"[..], 0)?;
    let field = |code: u64| {
        let is = |field: &&Value| field.list().first().and_then(Value::number) == Some(code);
        fields
            .list()
            .iter()
            .find(is)
            .and_then(|field| field.list().get(1))
    };
    let text = |code| {
        field(code)
            .map(|value| value.text().to_owned())
            .unwrap_or_default()
    };
    let (error, signature) = (text(4), text(8));
    let reply_to = field(5).and_then(Value::number).unwrap_or_default();
    reader.align(8)?;
    let mut rest = signature.as_bytes();
    let mut body = Vec::new();
    while !rest.is_empty() {
        body.push(reader.value(&mut rest, 0)?);
    }
    Some(Message {
        kind,
        reply_to,
        error,
        body,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.next_multiple_of(to);
        (self.at <= self.bytes.len()).then_some(())
    }

    fn peek(&self, at: usize) -> Option<u32> {
        let word = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        })
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self, size: usize) -> Option<u64> {
        self.align(size)?;
        let big = self.big;
        let bytes = self.take(size)?;
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if big {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        })
    }

    fn text(&mut self, length_size: usize) -> Option<String> {
        let length = usize::try_from(self.number(length_size)?).ok()?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        (self.take(1)? == [0]).then_some(text)
    }

    /// One value of the first type of this signature, which is taken off.
    fn value(&mut self, signature: &mut &[u8], depth: u8) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (&kind, rest) = signature.split_first()?;
        *signature = rest;
        Some(match kind {
            b'y' => Value::Number(self.number(1)?),
            b'q' => Value::Number(self.number(2)?),
            b'u' | b'b' | b'h' => Value::Number(self.number(4)?),
            b't' => Value::Number(self.number(8)?),
            b'n' => self.number(2).map(|_| Value::Other)?,
            b'i' => self.number(4).map(|_| Value::Other)?,
            b'x' | b'd' => self.number(8).map(|_| Value::Other)?,
            b's' | b'o' => Value::Text(self.text(4)?),
            b'g' => Value::Text(self.text(1)?),
            b'v' => {
                let inner = self.text(1)?;
                self.value(&mut inner.as_bytes(), depth + 1)?
            }
            b'a' => self.array(signature, depth)?,
            b'(' | b'{' => {
                self.align(8)?;
                let mut list = Vec::new();
                while !matches!(signature.first()?, b')' | b'}') {
                    list.push(self.value(signature, depth + 1)?);
                }
                *signature = &signature[1..];
                Value::List(list)
            }
            _ => return None,
        })
    }

    fn array(&mut self, signature: &mut &[u8], depth: u8) -> Option<Value> {
        let length = usize::try_from(self.number(4)?).ok()?;
        // Structures, dictionaries and 64-bit numbers begin at multiples of eight, even when there is none.
        if matches!(signature.first()?, b'(' | b'{' | b't' | b'x' | b'd') {
            self.align(8)?;
        }
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len())?;
        let element = *signature;
        skip(signature, depth)?;
        let mut list = Vec::new();
        while self.at < end {
            let before = self.at;
            list.push(self.value(&mut &element[..], depth + 1)?);
            // An element of no size would never end.
            if self.at == before || self.at > end {
                return None;
            }
        }
        Some(Value::List(list))
    }
}

/// Takes one complete type off a signature.
fn skip(signature: &mut &[u8], depth: u8) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    let (&kind, rest) = signature.split_first()?;
    *signature = rest;
    match kind {
        b'a' => skip(signature, depth + 1),
        b'(' | b'{' => {
            while !matches!(signature.first()?, b')' | b'}') {
                skip(signature, depth + 1)?;
            }
            *signature = &signature[1..];
            Some(())
        }
        _ => Some(()),
    }
}

/// What to call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// Whose it is; empty on a connection without a bus.
    pub(super) to: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    /// `s` for each string, or `as`.
    pub(super) signature: &'a str,
    pub(super) arguments: &'a [&'a str],
}

/// The message that calls it.
pub(super) fn call(call: Call<'_>, serial: u32) -> Vec<u8> {
    let mut body = Vec::new();
    if call.signature == "as" {
        let mut list = Vec::new();
        for argument in call.arguments {
            string(&mut list, argument);
        }
        body.extend(size(list.len()));
        body.extend(list);
    } else {
        for argument in call.arguments {
            string(&mut body, argument);
        }
    }
    let mut fields = Vec::new();
    for (code, kind, value) in [
        (1, b'o', call.path),
        (2, b's', call.interface),
        (3, b's', call.member),
        (6, b's', call.to),
    ] {
        if !value.is_empty() {
            pad(&mut fields, 8);
            fields.extend([code, 1, kind, 0]);
            string(&mut fields, value);
        }
    }
    if !call.signature.is_empty() {
        pad(&mut fields, 8);
        fields.extend([
            8,
            1,
            b'g',
            0,
            u8::try_from(call.signature.len()).unwrap_or_default(),
        ]);
        fields.extend(call.signature.bytes());
        fields.push(0);
    }
    // Little endian, a call, no flags, version 1.
    let mut message = vec![b'l', 1, 0, 1];
    message.extend(size(body.len()));
    message.extend(serial.to_le_bytes());
    message.extend(size(fields.len()));
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn size(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend(size(text.len()));
    bytes.extend(text.bytes());
    bytes.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(signature: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = call(
            Call {
                to: "",
                path: "",
                interface: "",
                member: "",
                signature,
                arguments: &[],
            },
            7,
        );
        bytes.truncate(bytes.len() - if signature == "as" { 4 } else { 0 });
        bytes[1] = 2;
        bytes[4..8].copy_from_slice(&size(body.len()));
        bytes.extend(body);
        bytes
    }

    #[test]
    fn strings_numbers_and_structures_read_as_the_specification_says() {
        let body = [
            &12u32.to_le_bytes()[..],
            &[0; 4],
            b"\x03\0\0\0a.b\0",
            &5u32.to_le_bytes(),
            &[0; 4],
        ]
        .concat();
        let read = parse(&message("a(su)", &body[..20]));
        let body = read.unwrap().body;
        assert_eq!(
            body,
            [Value::List(vec![Value::List(vec![
                Value::Text("a.b".into()),
                Value::Number(5)
            ])])]
        );
        assert_eq!(
            parse(&message("v", b"\x01u\0\0\x09\0\0\0")).unwrap().body,
            [Value::Number(9)]
        );
    }

    #[test]
    fn what_is_called_reads_back() {
        let arguments = ["a.service", "b.timer"];
        for signature in ["as", "ss"] {
            let bytes = call(
                Call {
                    to: "x.y",
                    path: "/a",
                    interface: "i.f",
                    member: "M",
                    signature,
                    arguments: &arguments,
                },
                3,
            );
            let read = parse(&bytes).unwrap();
            let texts = if signature == "as" {
                read.body[0].list().to_vec()
            } else {
                read.body
            };
            assert_eq!(texts, arguments.map(|text| Value::Text(text.into())));
        }
    }

    #[test]
    fn empty_and_endless_elements_end() {
        assert_eq!(parse(&message("a()", &[1, 0, 0, 0, 0, 0, 0, 0, 1])), None);
        assert_eq!(parse(&message(&"(".repeat(200), &[0; 64])), None);
        assert_eq!(
            length(b"l\x02\0\x01\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff"),
            None
        );
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200), signature in "[a(){}vsogytuxb]{0,12}", body in proptest::collection::vec(0u8..12, 0..80)) {
            parse(&bytes);
            parse(&message(&signature, &body));
        }
    }
}
