//! Which of two versions is newer, as Debian orders them (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions as dpkg does: an epoch before `:`, then runs of text and of digits in turn, where digits are
/// numbers, letters sort before other characters, and `~` before everything, even the end.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a) = epoch(a);
    let (b_epoch, b) = epoch(b);
    let ((a, a_revision), (b, b_revision)) = (revision(a), revision(b));
    numbers(a_epoch, b_epoch)
        .then_with(|| part(a.as_bytes(), b.as_bytes()))
        .then_with(|| part(a_revision.as_bytes(), b_revision.as_bytes()))
}

fn epoch(version: &str) -> (&[u8], &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.as_bytes(), rest),
        None => (b"", version),
    }
}

/// The Debian revision is what follows the last hyphen.
fn revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, ""))
}

fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, b_text) = (run(a, false), run(b, false));
        let texts = text(&a[..a_text], &b[..b_text]);
        (a, b) = (&a[a_text..], &b[b_text..]);
        let (a_digits, b_digits) = (run(a, true), run(b, true));
        let order = texts.then_with(|| numbers(&a[..a_digits], &b[..b_digits]));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[a_digits..], &b[b_digits..]);
    }
    Ordering::Equal
}

fn run(bytes: &[u8], digits: bool) -> usize {
    bytes
        .iter()
        .position(|byte| byte.is_ascii_digit() != digits)
        .unwrap_or(bytes.len())
}

fn text(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| weight(a.get(at)).cmp(&weight(b.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let trimmed = |digits: &[u8]| -> usize {
        digits
            .iter()
            .position(|digit| *digit != b'0')
            .unwrap_or(digits.len())
    };
    let (a, b) = (&a[trimmed(a)..], &b[trimmed(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        for (older, newer) in [
            ("6.1.0-9-amd64", "6.1.0-18-amd64"),
            ("6.1.0-18-amd64", "6.5.0-1-amd64"),
            ("5.15.0-91-generic", "5.15.0-100-generic"),
            (
                "5.14.0-362.8.1.el9_3.x86_64",
                "5.14.0-362.18.1.el9_3.x86_64",
            ),
            ("6.10-rc7", "6.10.1"),
            ("1.0~rc1", "1.0"),
            ("1.0~rc1", "1.0~rc2"),
            ("1.0~~", "1.0~"),
            ("1.0", "1.0a"),
            ("1.0a", "1.0+b"),
            ("9.9", "1:0.1"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("1.9", "1.10"),
            ("1.0-1", "1.0-1.1"),
            (
                "1.00000000000000000000000001",
                "1.20000000000000000000000000",
            ),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} < {newer}");
            assert_eq!(
                compare(newer, older),
                Ordering::Greater,
                "{newer} > {older}"
            );
        }
        for (a, b) in [("1.0", "1.00"), ("0:1", "1"), ("1-0", "1"), ("", "")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        }
    }
}
