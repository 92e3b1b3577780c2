//! The chunked coding (RFC 9112 section 7.1), strictly: what two readers could take for different things is an error.

use super::message::excerpt;

/// The line of a chunk's size with its extensions is no longer, in bytes.
const MAX_SIZE_LINE_BYTES: usize = 1024;

/// The fields behind the last chunk are no longer, in bytes.
const MAX_TRAILER_BYTES: usize = 64 << 10;

/// Reads a chunked body piece by piece, however it was cut on the way.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    line: Vec<u8>,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    AfterData,
    Trailer,
    Done,
}

impl Chunked {
    /// Whether the last chunk and the fields behind it have come.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the last chunk has come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Trailer | State::Done)
    }

    /// Takes what came and hands on what is body. What follows the end is left alone.
    ///
    /// # Errors
    /// What breaks the coding.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        while !bytes.is_empty() && self.state != State::Done {
            if let State::Data(left) = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let (data, rest) = bytes.split_at(taken);
                body(data);
                bytes = rest;
                self.state = match left - taken as u64 {
                    0 => State::AfterData,
                    left => State::Data(left),
                };
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (piece, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            self.line.extend_from_slice(piece);
            if self.line.len() > MAX_SIZE_LINE_BYTES && self.state != State::Trailer
                || self.line.len() + self.trailer_bytes > MAX_TRAILER_BYTES
            {
                return Err("a chunk's line is too long".to_owned());
            }
            if end.is_some() {
                self.end_line()?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), String> {
        let line = std::mem::take(&mut self.line);
        let line = line
            .strip_suffix(b"\r\n")
            .ok_or("a chunk's line that does not end in CRLF")?;
        self.state = match self.state {
            State::Size => match size(line)? {
                0 => State::Trailer,
                size => State::Data(size),
            },
            State::AfterData if line.is_empty() => State::Size,
            State::AfterData => return Err("a chunk that is longer than its size".to_owned()),
            State::Trailer if line.is_empty() => State::Done,
            State::Trailer => {
                self.trailer_bytes += line.len();
                State::Trailer
            }
            other => other,
        };
        Ok(())
    }
}

fn size(line: &[u8]) -> Result<u64, String> {
    let fault = || {
        format!(
            "a chunk size that is none: {}",
            excerpt(&String::from_utf8_lossy(line))
        )
    };
    let end = line
        .iter()
        .position(|byte| !byte.is_ascii_hexdigit())
        .unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let extension = rest.trim_ascii_start();
    // Blanks behind a size are sent by some servers that pad it; none behind a digit can begin another number.
    if digits.len() > 16 || !(extension.is_empty() || extension.starts_with(b";")) {
        return Err(fault());
    }
    let digits = std::str::from_utf8(digits).map_err(|_| fault())?;
    u64::from_str_radix(digits, 16).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, bool), String> {
        let mut chunked = Chunked::default();
        let mut body = Vec::new();
        for piece in bytes.chunks(step.max(1)) {
            chunked.push(piece, |data| body.extend_from_slice(data))?;
        }
        Ok((body, chunked.is_done()))
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read() {
        let coded = b"3  \r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: r\r\n\r\n";
        for step in 1..coded.len() {
            assert_eq!(
                decode(coded, step),
                Ok((b"abc0123456789".to_vec(), true)),
                "{step}"
            );
        }
        assert_eq!(decode(b"5\r\nab", 9), Ok((b"ab".to_vec(), false)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_an_error() {
        for coded in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "3\nabc\r\n",
            "3\r\nabcd\r\n",
            "3 4\r\nabc\r\n",
            "11111111111111111\r\n",
            "3\r\nabc\n0\r\n",
        ] {
            assert!(decode(coded.as_bytes(), 1).is_err(), "{coded:?}");
        }
        assert!(
            decode(
                &b"0\r\n"
                    .iter()
                    .copied()
                    .chain(b"a: b\r\n".repeat(20_000))
                    .collect::<Vec<_>>(),
                4096
            )
            .is_err()
        );
        assert!(decode(&[b'1'; 5000], 4096).is_err());
    }

    proptest! {
        #[test]
        fn whatever_was_coded_comes_out_however_it_was_cut(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..8), step in 1usize..60,
        ) {
            let mut coded = Vec::new();
            for part in &parts {
                coded.extend(format!("{:x}\r\n", part.len()).bytes());
                coded.extend(part);
                coded.extend(b"\r\n");
            }
            coded.extend(b"0\r\n\r\n");
            prop_assert_eq!(decode(&coded, step), Ok((parts.concat(), true)));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..60) {
            let _ = decode(&bytes, step);
        }
    }
}
