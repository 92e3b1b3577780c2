//! What a queue file says of its message. Anybody who may send mail chooses some of these bytes.

use std::io::Read;
use std::path::Path;

/// The envelope stands at the start; a message with more recipients than fit counts with those that do, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// How a queue file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Postfix,
    Exim,
    Sendmail,
    Nullmailer,
    /// Not read: the file's own time has to do.
    Opaque,
}

/// What is known of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// When it came, in seconds since 1970.
    pub(super) arrived: Option<i64>,
    /// Exim has given up trying and waits for a person.
    pub(super) frozen: bool,
    /// Where to; each once.
    pub(super) domains: Vec<String>,
}

/// Reads the head of a queue file; what has gone meanwhile was delivered.
pub(super) fn read(path: &Path, format: Format) -> Envelope {
    let mut bytes = Vec::new();
    if format == Format::Opaque {
        return Envelope::default();
    }
    match std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => parse(&bytes, format),
        Err(_) => Envelope::default(),
    }
}

/// The envelope in these bytes, as much as is there.
pub(super) fn parse(bytes: &[u8], format: Format) -> Envelope {
    let mut envelope = match format {
        Format::Postfix => postfix(bytes),
        Format::Exim => exim(&String::from_utf8_lossy(bytes)),
        Format::Sendmail => sendmail(&String::from_utf8_lossy(bytes)),
        Format::Nullmailer => nullmailer(&String::from_utf8_lossy(bytes)),
        Format::Opaque => Envelope::default(),
    };
    envelope.domains.sort();
    envelope.domains.dedup();
    envelope
}

fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.trim().trim_end_matches('>').trim_end_matches('.');
    (!domain.is_empty() && domain.len() <= 255).then(|| domain.to_ascii_lowercase())
}

/// Records of a type, a length in groups of seven bits with the lowest first, and that many bytes: T is the time of
/// arrival, R a recipient who still waits.
fn postfix(bytes: &[u8]) -> Envelope {
    let mut envelope = Envelope::default();
    let mut rest = bytes;
    while let Some((&kind, tail)) = rest.split_first() {
        let Some((length, tail)) = varint(tail) else {
            break;
        };
        let Some((data, tail)) = tail.split_at_checked(length) else {
            break;
        };
        rest = tail;
        let text = || String::from_utf8_lossy(data);
        match kind {
            b'T' => {
                envelope.arrived = text()
                    .split_ascii_whitespace()
                    .next()
                    .and_then(|seconds| seconds.parse().ok());
            }
            b'R' => envelope.domains.extend(domain(&text())),
            b'E' => break,
            _ => {}
        }
    }
    envelope
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (at, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// The `-H` file of exim's spool (specification, chapter 56): four fixed lines, options, a tree of those who have it
/// already, the number of recipients, the recipients.
fn exim(text: &str) -> Envelope {
    let mut lines = text.lines().skip(3);
    let mut envelope = Envelope {
        arrived: lines
            .next()
            .and_then(|line| line.split(' ').next()?.parse().ok()),
        ..Envelope::default()
    };
    while let Some(line) = lines.next() {
        if line.split(' ').next() == Some("-frozen") {
            envelope.frozen = true;
        }
        if let Ok(count) = line.parse::<usize>() {
            // Behind an address may stand what concerns it alone.
            let addresses = lines.by_ref().take(count);
            envelope.domains = addresses
                .filter_map(|line| domain(line.split(' ').next()?))
                .collect();
            break;
        }
    }
    envelope
}

/// The `qf` file of sendmail's operations guide: `T` time of creation, `R` recipient with flags before a colon.
fn sendmail(text: &str) -> Envelope {
    let mut envelope = Envelope::default();
    for line in text.lines() {
        match line.as_bytes().first() {
            Some(b'T') => envelope.arrived = line[1..].trim().parse().ok(),
            Some(b'R') => envelope.domains.extend(domain(line)),
            Some(b'.') => break,
            _ => {}
        }
    }
    envelope
}

/// The sender's line, a line for each recipient, an empty one, the message.
fn nullmailer(text: &str) -> Envelope {
    let recipients = text.lines().skip(1).take_while(|line| !line.is_empty());
    Envelope {
        domains: recipients.filter_map(domain).collect(),
        ..Envelope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_queue_file_gives_its_time_and_its_domains() {
        let postfix = b"C\x0f   1 2 3 4 5 6 T\x111700000000 123456S\x03a@bR\x0dx@Example.ORGR\x05y@c.dD\x05z@e.fM\0R\x05n@g.hE\0";
        let exim = "1abc-H\nDebian-exim 1 1\n<a@b>\n1700000000 0\n-frozen 1700000001\n-local\nXX\n2\nx@example.org\ny@c.d 0,0,0 \n\n037T To: x@z.z\n";
        let sendmail =
            "V8\nT1700000000\nK1700000100\nS<a@b>\nRPFD:<x@example.org>\nRPFD:y@c.d\n.\n";
        let nullmailer = "a@b\nx@example.org\ny@c.d\n\nTo: z@z.z\n";
        for (bytes, format) in [
            (&postfix[..], Format::Postfix),
            (exim.as_bytes(), Format::Exim),
            (sendmail.as_bytes(), Format::Sendmail),
            (nullmailer.as_bytes(), Format::Nullmailer),
        ] {
            let envelope = parse(bytes, format);
            let domains: &[&str] = if format == Format::Postfix {
                &["c.d", "example.org", "g.h"]
            } else {
                &["c.d", "example.org"]
            };
            assert_eq!(envelope.domains, domains, "{format:?}");
            let arrived = (format != Format::Nullmailer).then_some(1_700_000_000);
            assert_eq!(envelope.arrived, arrived, "{format:?}");
            assert_eq!(envelope.frozen, format == Format::Exim);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_a_parser(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "([TRS.0-9][ -~é]{0,20}\n){0,8}") {
            for format in [Format::Postfix, Format::Exim, Format::Sendmail, Format::Nullmailer] {
                parse(&bytes, format);
                parse(text.as_bytes(), format);
            }
        }
    }
}
