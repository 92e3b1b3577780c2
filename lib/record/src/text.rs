//! Text that is safe in every reader's line.

/// One printable line: control and bidirectional characters become blanks, `|` (perfdata begins there) becomes `¦`.
///
/// What a server sends ends up in a terminal, a phone and a monitoring page; none of them shall be steered by it.
#[must_use]
pub fn one_line(text: &str) -> String {
    let unsafe_character = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' => line.push('¦'),
            character if unsafe_character(character) => line.push(' '),
            character => line.push(character),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// At most `max_chars` characters, the last three of them `...` where something is missing.
pub(crate) fn clip(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars || text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(max_chars.saturating_sub(3)).collect();
    clipped.push_str("...");
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_text_keeps_its_characters_whole() {
        assert_eq!(clip("größer", 6), "größer");
        assert_eq!(clip("größer", 5), "gr...");
    }

    #[test]
    fn nothing_that_steers_a_terminal_or_starts_perfdata_survives() {
        assert_eq!(one_line("a|b\x1b[31m\r\nc\t\u{202e}d\n"), "a¦b [31m  c  d");
        assert_eq!(one_line("größer"), "größer");
    }
}
