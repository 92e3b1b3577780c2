//! Items on standard output: lines on a terminal, one JSON object a line elsewhere.

use std::io::{self, BufWriter, Write};

use ce_cli::Common;
use ce_record::render::Format;
use ce_vault::tree::{Item, Kind};
use serde_json::{Value, json};

use super::ls::line;
use crate::fault::Fault;

/// Writes items as they come; the end is a record.
pub(crate) struct Listing {
    out: BufWriter<io::Stdout>,
    format: Option<Format>,
    failed: Option<io::Error>,
    items: u64,
    bytes: u64,
}

impl Listing {
    pub fn new(common: &Common) -> Self {
        let format = if common.quiet {
            None
        } else {
            Some(ce_cli::format_or_default(common))
        };
        Listing {
            out: BufWriter::new(io::stdout()),
            format,
            failed: None,
            items: 0,
            bytes: 0,
        }
    }

    pub fn item(&mut self, item: &Item) {
        self.items += 1;
        self.bytes += item.size();
        let written = match self.format {
            Some(Format::Text) => writeln!(self.out, "{}", line(item)),
            Some(Format::Json) => writeln!(self.out, "{}", in_json(item)),
            _ => Ok(()),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// Items and bytes.
    pub fn end(mut self) -> Result<(u64, u64), Fault> {
        self.out.flush().map_err(ce_cli::OutputError::from)?;
        match self.failed {
            Some(error) => Err(ce_cli::OutputError::from(error).into()),
            None => Ok((self.items, self.bytes)),
        }
    }
}

/// Bytes as text for a person: control characters and what is not UTF-8 are escaped.
pub(crate) fn name(bytes: &[u8]) -> String {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| {
            let valid = chunk.valid().chars().flat_map(|letter| {
                if letter.is_control() || letter == '\\' {
                    letter.escape_default().to_string()
                } else {
                    letter.to_string()
                }
                .chars()
                .collect::<Vec<_>>()
            });
            let invalid = chunk
                .invalid()
                .iter()
                .flat_map(|byte| format!("\\x{byte:02x}").chars().collect::<Vec<_>>());
            valid.chain(invalid).collect::<Vec<char>>()
        })
        .collect()
}

/// Bytes as the record's format has them: text, or base64 where they are not UTF-8.
pub(crate) fn value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": base64(bytes) }),
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

fn in_json(item: &Item) -> Value {
    let path = [b"/", item.path.as_slice()].concat();
    let metadata = &item.metadata;
    let kind = match &item.kind {
        Kind::File { .. } => "file",
        Kind::Folder => "folder",
        Kind::Symlink(_) => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::Char(..) => "char",
        Kind::Block(..) => "block",
        Kind::Hardlink(_) => "hardlink",
    };
    let mut object = json!({
        "path": value(&path),
        "type": kind,
        "mode": format!("{:04o}", metadata.mode),
        "uid": metadata.owner.uid,
        "gid": metadata.owner.gid,
        "size": item.size(),
        "mtime": jiff::Timestamp::new(metadata.mtime.0, i32::try_from(metadata.mtime.1).unwrap_or(0))
            .map(|time| time.to_string())
            .unwrap_or_default(),
    });
    match &item.kind {
        Kind::Symlink(target) => object["target"] = value(target),
        Kind::Hardlink(first) => object["target"] = value(&[b"/", first.as_slice()].concat()),
        _ => {}
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_bytes_are_shown_and_kept() {
        assert_eq!(name(b"a\nb\xffc\\ \xc3\xa9"), "a\\nb\\xffc\\\\ \u{e9}");
        assert_eq!(value(b"a"), json!("a"));
        assert_eq!(value(b"\xff"), json!({ "base64": "/w==" }));
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }
}
