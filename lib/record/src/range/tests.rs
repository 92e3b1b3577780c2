//! Every vector here was run against the Perl module Monitoring::Plugin; where readers disagree the guidelines decide.

use proptest::prelude::*;

use super::*;

/// The range, the values that raise an alert, and those that do not.
const VALID: &[(&str, &[f64], &[f64])] = &[
    ("10", &[-1.0, 10.0001], &[0.0, 10.0]),
    ("10:", &[9.99], &[10.0, 1e12]),
    ("~:10", &[11.0], &[-1e9, 10.0]),
    ("10:20", &[9.0, 21.0], &[10.0, 20.0]),
    ("@10:20", &[10.0, 20.0], &[9.0, 20.5]),
    ("@10", &[0.0, 10.0], &[-0.1, 11.0]),
    (":10", &[-1.0], &[5.0]),
    ("0", &[-1.0, 1.0], &[0.0]),
    ("0:0", &[1.0], &[0.0]),
    ("@0", &[0.0], &[1.0]),
    ("1:1", &[0.5, 5.2], &[1.0]),
    ("@1:1", &[1.0], &[0.5, 5.2]),
    ("-10:-2", &[-11.0, -1.0], &[-10.0, -2.0]),
    ("-10:", &[-11.0], &[-10.0]),
    ("-7:23", &[-23.0, 23.1], &[-7.0, 23.0]),
    (
        "~:-95.99",
        &[-95.989, -95.0],
        &[-1_001_341.0, -96.0, -95.99],
    ),
    ("~:0", &[0.001], &[-10.0, 0.0]),
    ("~:", &[], &[-5.0, 1e300]),
    ("@~:", &[5.0], &[]),
    ("@~:0", &[0.0], &[0.001]),
    ("@5:", &[5.0], &[4.9]),
    ("0:", &[-1.0], &[0.0]),
    (":5.75", &[5.7501], &[5.75]),
    ("@0:657.8210567", &[32.88, 657.821_056_7], &[-2.0, 657.9]),
    (
        "123456789012345:",
        &[123_456_789_012_344.9],
        &[123_456_789_012_345.0],
    ),
    ("1e3", &[1001.0], &[999.0]),
    ("1e3:", &[999.0], &[]),
    (".5", &[0.6], &[0.4]),
    ("5.", &[], &[4.0]),
    ("+5", &[], &[4.0]),
    ("-0", &[], &[0.0]),
    ("00010", &[11.0], &[10.0]),
    ("010", &[11.0], &[9.0]),
    ("10:10.0", &[], &[10.0]),
    ("0e-999:1e-300", &[1.0], &[0.0]),
    ("-2.5:-1.5", &[-3.0, -1.0], &[-2.5, -2.0, -1.5]),
];

/// The text, the column at fault, and a word of the hint (empty: no hint).
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "write 10,"),
    (":", 1, "write 10: or :10"),
    ("@", 2, "write 10,"),
    ("@:", 2, "write 10: or :10"),
    ("~", 1, "write ~:10"),
    ("foo", 1, ""),
    ("1-10", 2, "a range is written 1:10"),
    ("-1-10", 3, "a range is written -1:10"),
    ("1,10", 2, "the decimal sign is a point"),
    ("1:2:3", 4, "a range has one ':'"),
    ("1:~", 3, "leave the end empty"),
    ("10:~", 4, "leave the end empty"),
    ("~:~", 3, "leave the end empty"),
    ("~5:10", 1, "'~' stands only before ':'"),
    ("2:1", 3, "write 1:2"),
    ("-5", 1, "write ~:-5 for no lower limit, or -5:0"),
    ("@-5", 2, "write @~:-5 for no lower limit, or @-5:0"),
    ("10%", 3, "not a percentage"),
    ("0x10", 2, "in decimal"),
    ("inf", 1, "leave the end empty"),
    ("1:inf", 3, "leave the end empty"),
    ("-inf:1", 1, "write ~: for no lower one"),
    ("nan", 1, ""),
    ("--5", 1, ""),
    ("5k", 2, "without a unit"),
    ("@@1:2", 2, "'@' stands only at the very start"),
    ("1:@2", 3, "'@' stands only at the very start"),
    ("1-10:2.4", 2, "a range is written 1:10"),
    ("10 : 20", 3, "without blanks"),
    (" 10", 1, "without blanks"),
    ("1e400", 1, ""),
    ("1e-400", 1, ""),
    ("0:-2.5e-999", 3, ""),
    ("größe:1", 1, ""),
    ("1:5é", 4, "without a unit"),
];

#[test]
fn a_range_alerts_outside_both_inclusive_ends_and_an_inverted_one_inside() {
    for (text, alerts, silent) in VALID {
        let range: Range = text.parse().unwrap();
        for value in *alerts {
            assert!(range.alerts(*value), "{text} must alert at {value}");
        }
        for value in *silent {
            assert!(!range.alerts(*value), "{text} must not alert at {value}");
        }
        assert!(range.alerts(f64::NAN), "{text} is silent without a value");
    }
}

#[test]
fn what_the_guidelines_do_not_allow_is_refused_with_column_and_hint() {
    for (text, column, hint) in REFUSED {
        let error = text.parse::<Range>().unwrap_err();
        assert_eq!(error.column, *column, "{error}");
        let given = error.hint.clone().unwrap_or_default();
        assert!(
            given.contains(hint) && given.is_empty() == hint.is_empty(),
            "{error}"
        );
        assert_eq!(error.text, *text);
    }
}

#[test]
fn a_refusal_reads_as_one_line_whatever_was_given() {
    assert_eq!(
        "1,5".parse::<Range>().unwrap_err().to_string(),
        "range '1,5', column 2: ',' is not part of a number; the decimal sign is a point"
    );
    let hostile = "1-\u{1b}[2J\n".parse::<Range>().unwrap_err().to_string();
    assert!(!hostile.contains(char::is_control), "{hostile}");
}

#[test]
fn a_range_prints_as_the_shortest_text_that_reads_back() {
    for (text, printed) in [
        (":10", "10"),
        ("0:10", "10"),
        ("@0:5", "@5"),
        ("0:", "0:"),
        ("10.0", "10"),
        ("~:", "~:"),
        ("@~:0", "@~:0"),
        ("~:10", "~:10"),
        ("-0:-0", "0"),
        ("1e3:", "1000:"),
        ("@.5:5.", "@0.5:5"),
    ] {
        assert_eq!(text.parse::<Range>().unwrap().to_string(), printed);
    }
}

#[test]
fn a_range_that_no_text_can_say_is_not_made() {
    for (start, end) in [
        (2.0, 1.0),
        (f64::NAN, 1.0),
        (0.0, f64::NAN),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, f64::NEG_INFINITY),
    ] {
        assert_eq!(Range::new(start, end), None);
    }
}

fn any_range() -> impl Strategy<Value = Range> {
    let finite = prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL;
    let start = prop_oneof![1 => Just(f64::NEG_INFINITY), 3 => finite];
    let end = prop_oneof![1 => Just(f64::INFINITY), 3 => finite];
    (start, end, any::<bool>()).prop_map(|(start, end, inverted)| {
        let (start, end) = if start <= end {
            (start, end)
        } else {
            (end, start)
        };
        Range {
            inverted,
            start,
            end,
        }
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_range(range in any_range()) {
        prop_assert_eq!(range.to_string().parse::<Range>(), Ok(range));
    }

    #[test]
    fn no_text_makes_the_parser_panic_and_every_column_lies_in_it(text in "[-+@~:0-9.eExinfa%, ]{0,12}|\\PC{0,12}|(?s).{0,12}") {
        if let Err(error) = text.parse::<Range>() {
            prop_assert!(error.column <= text.chars().count() + 1);
        }
    }
}
