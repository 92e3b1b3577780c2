//! Items on standard output: lines on a terminal, one JSON object a line elsewhere.

use std::io::{self, BufWriter, Write};

use ce_cli::Common;
use ce_record::bytes;
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
        "path": bytes::in_json(&path),
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
        Kind::Symlink(target) => object["target"] = bytes::in_json(target),
        Kind::Hardlink(first) => {
            object["target"] = bytes::in_json(&[b"/", first.as_slice()].concat());
        }
        _ => {}
    }
    object
}
