//! Bytes that may not be text, such as file names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Bytes as text for a person, no two the same: control characters, backslashes and what is not UTF-8 are escaped.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || letter == '\\' {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Bytes as a record has them: text, or base64 where they are not UTF-8.
#[must_use]
pub fn in_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_bytes_are_shown_and_kept() {
        assert_eq!(shown(b"a\nb\xffc\\ \xc3\xa9"), "a\\nb\\xffc\\\\ \u{e9}");
        assert_eq!(in_json(b"a"), json!("a"));
        assert_eq!(in_json(b"\xff"), json!({ "base64": "/w==" }));
    }
}
