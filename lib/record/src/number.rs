//! The decimal grammar that ranges and perfdata share, so that one text is never read as two numbers.

/// How many bytes at the start of `text` are a decimal number; 0 when it starts with none.
///
/// Sign, digits, point, exponent, as the plugin guidelines and their older readers take it: `+5`, `.5`, `5.`, `1e3`.
/// No hexadecimal, no `inf`, no `nan`, no separator of thousands.
pub(crate) fn prefix_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = |at: usize| usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let whole_from = sign(0);
    let mut end = digits(whole_from);
    let mut count = end - whole_from;
    if bytes.get(end) == Some(&b'.') {
        let fraction_end = digits(end + 1);
        count += fraction_end - end - 1;
        end = fraction_end;
    }
    if count == 0 {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent_from = end + 1 + sign(end + 1);
        let exponent_end = digits(exponent_from);
        if exponent_end > exponent_from {
            end = exponent_end;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_its_grammar_does() {
        for (text, length) in [
            ("10", 2),
            ("+5", 2),
            ("-.5x", 3),
            ("5.", 2),
            ("1e3", 3),
            ("1E-3s", 4),
            ("1e", 1),
            ("1e+", 1),
            ("0x10", 1),
            ("1,5", 1),
            ("", 0),
            (".", 0),
            ("-", 0),
            ("--5", 0),
            ("inf", 0),
            ("٣", 0),
        ] {
            assert_eq!(prefix_bytes(text), length, "{text}");
        }
    }
}
