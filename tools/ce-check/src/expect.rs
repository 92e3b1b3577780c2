//! What an answer of unknown length is expected to hold: some or all of several texts.

use clap::Args;

/// `-e TEXT -A`: flatten it into the flags of a check that sends and expects.
#[derive(Args, Clone, Debug, Default)]
pub struct ExpectFlags {
    /// Expect this in the answer; several times for any of several
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub expect: Vec<String>,

    /// Expect each text of -e, not any
    #[arg(short = 'A', long)]
    pub all: bool,

    /// Expect the answer to begin with this; several times for any of several
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub begins: Vec<String>,
}

impl ExpectFlags {
    /// Whether anything is.
    pub fn is_empty(&self) -> bool {
        self.expect.is_empty() && self.begins.is_empty()
    }

    /// Whether this is enough.
    pub fn is_met(&self, answer: &[u8]) -> bool {
        let holds = |text: &String| contains(answer, text.as_bytes());
        let held = match (&self.expect[..], self.all) {
            ([], _) => true,
            (texts, true) => texts.iter().all(holds),
            (texts, false) => texts.iter().any(holds),
        };
        let begun = |text: &String| answer.starts_with(text.as_bytes());
        held && (self.begins.is_empty() || self.begins.iter().any(begun))
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// The text with `\n`, `\r`, `\t`, `\\` and, for what has no letter, `\xHH` turned into what they stand for.
pub fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = || {
            let digits = text.get(at + 2..at + 4)?;
            u8::from_str_radix(digits, 16).ok()
        };
        let (byte, length) = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', Some(b'x')) => hex().map_or((b'\\', 1), |byte| (byte, 4)),
            (other, _) => (other, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

/// An answer as one line for a person, cut where it gets long.
pub fn excerpt(answer: &[u8]) -> String {
    const CHARS: usize = 120;
    let text = String::from_utf8_lossy(&answer[..answer.len().min(CHARS * 4)]);
    let line = ce_record::one_line(text.trim());
    match line.char_indices().nth(CHARS) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_or_all_of_the_texts_are_expected() {
        let flags = |expect: &[&str], all, begins: &[&str]| ExpectFlags {
            expect: expect.iter().map(|text| (*text).to_owned()).collect(),
            all,
            begins: begins.iter().map(|text| (*text).to_owned()).collect(),
        };
        for (expect, all, begins, met) in [
            (&["mail", "x"][..], false, &[][..], true),
            (&["mail", "x"], true, &[], false),
            (&["mail", "220"], true, &[], true),
            (&[], false, &["220", "221"], true),
            (&[], false, &["20"], false),
            (&["mail"], false, &["250"], false),
            (&[], true, &[], true),
        ] {
            let flags = flags(expect, all, begins);
            assert_eq!(flags.is_met(b"220 mail"), met, "{flags:?}");
        }
    }

    #[test]
    fn escapes_stand_for_bytes_and_all_else_for_itself() {
        assert_eq!(unescape(r"a\r\n\t\\b"), b"a\r\n\t\\b");
        assert_eq!(unescape(r"\x00\xfFx\xz\q\"), b"\x00\xffx\\xz\\q\\");
        assert_eq!(unescape("\\xä"), "\\xä".as_bytes());
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b" 220 a\r\n\x1b[31mred "), "220 a   [31mred");
        assert_eq!(excerpt(&[b'a'; 9000]).len(), 123);
    }
}
