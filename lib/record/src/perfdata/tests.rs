//! What plugins print in the field, good and bad, and that whatever is written here is read back unchanged.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Metric {
    let (metrics, errors) = parse(text);
    assert_eq!(errors, [], "{text}");
    let [metric] = <[Metric; 1]>::try_from(metrics).unwrap();
    metric
}

fn written(metric: &Metric) -> String {
    let mut out = String::new();
    write(&mut out, &metric.name, metric);
    out
}

#[test]
fn an_item_of_the_field_is_read_and_written_in_its_safest_form() {
    for (text, canonical) in [
        ("a=1", "a=1"),
        ("'a b'=1", "'a b'=1"),
        ("/=382MB;15264;15269;0;32768", "/=382MB;15264;15269;0;32768"),
        ("'page file'=36%;80;90;", "'page file'=36%;80;90"),
        ("data=5;;;;", "data=5"),
        ("load1=0.010;5.000;9.000;0;", "load1=0.01;5;9;0"),
        (
            "offset=-0.004476s;-60:-5;-120:-3;",
            "offset=-0.004476s;-60:-5;-120:-3",
        ),
        ("salary=52GBP;~:23.5;45.2:", "salary=52GBP;~:23.5;45.2:"),
        ("a=1.5e-3s", "a=0.0015s"),
        ("a=1e21", "a=1000000000000000000000"),
        ("a=42c", "a=42c"),
        ("a=+5", "a=5"),
        ("a=.42", "a=0.42"),
        ("a=23.", "a=23"),
        ("a=1;@5:10;~:20", "a=1;@5:10;~:20"),
        ("a=1;~:20;@~:30;0", "a=1;20;@~:30;0"),
        ("a=-1;~:20;;0", "a=-1;~:20;;0"),
        ("a=1;~:-2;~:;0", "a=1;~:-2;~:;0"),
        ("a=1;;7;1;9", "a=1;;7;1;9"),
        ("a=1;0:10", "a=1;10"),
        (
            "'C:\\ Label:  X'=8015MB;1;2;0;20484",
            "'C:\\ Label:  X'=8015MB;1;2;0;20484",
        ),
        ("a=U", "a=U"),
        ("a=U;10", "a=U;10"),
        ("a=1B;1:2;3:;0;9", "a=1B;1:2;3:;0;9"),
        ("a=9223372036854775807B", "a=9223372036854775807B"),
        // Legal once, broken in Perl and Icinga: read, never written.
        ("'a=b'=1", "a_b=1"),
        ("'it''s'=1", "it_s=1"),
        ("icmp::rta=3ms", "icmp_rta=3ms"),
        ("a=0.5us", "a=0.5us"),
    ] {
        assert_eq!(written(&read(text)), canonical, "{text}");
    }
}

#[test]
fn a_whole_number_stays_whole_and_a_fraction_stays_a_fraction() {
    for (text, value) in [
        ("a=42", Some(Number::Int(42))),
        ("a=+5", Some(Number::Int(5))),
        ("a=1.0", Some(Number::Float(1.0))),
        (
            "a=9223372036854775808",
            Some(Number::Float(9_223_372_036_854_775_808.0)),
        ),
        ("a=U", None),
    ] {
        assert_eq!(read(text).value, value, "{text}");
    }
}

#[test]
fn items_stand_apart_by_any_blank() {
    let names = |text: &str| -> Vec<String> {
        let (metrics, errors) = parse(text);
        assert_eq!(errors, []);
        metrics
            .iter()
            .map(|metric| metric.name.to_string())
            .collect()
    };
    assert_eq!(
        names(" load1=0.010;5.000;9.000;0;  load5=0.040;5;9;0;\n'x y'=3\r\n\tz=4 "),
        ["load1", "load5", "x y", "z"]
    );
    assert_eq!(names(""), [""; 0]);
}

#[test]
fn a_bad_item_is_left_out_with_its_reason_and_the_rest_is_kept() {
    for (text, fault) in [
        ("rubbish", "no label=value"),
        ("a=", "no value"),
        ("=5", "no label"),
        ("''=1", "no label"),
        ("' '=1", "no label"),
        ("'open=1", "no label=value"),
        ("a=inf", "'inf' is no number"),
        ("a=-Inf", "'-Inf' is no number"),
        ("a=NaN", "'NaN' is no number"),
        ("a=123_456", "'_456' is no unit"),
        ("a=0x10", "'x10' is no unit"),
        ("a=1,5", "',' in a number"),
        ("a=1e999", "1e999 is too large"),
        ("rta=&391ms;1;2", "'&391ms' is no number"),
        ("time=1800,600,300,0,3600", "',' in a number"),
    ] {
        let (metrics, errors) = parse(&format!("{text}  pl=0%;20;60"));
        assert_eq!(errors[0].fault, fault, "{text}");
        assert_eq!((metrics.len(), errors.len()), (1, 1), "{text}");
        assert_eq!(
            (metrics[0].name.as_ref(), errors[0].item.as_str()),
            ("pl", text)
        );
    }
}

#[test]
fn a_decimal_comma_is_refused_with_a_hint() {
    let (_, errors) = parse("a=1,5");
    assert_eq!(
        errors[0].to_string(),
        "perfdata 'a=1,5': ',' in a number; the decimal sign is a point"
    );
}

#[test]
fn a_limit_that_cannot_be_read_is_dropped_alone() {
    for (text, kept) in [
        ("a=1;foo;7;1;9", "a=1;;7;1;9"),
        ("a=1;5;2:1;1;9", "a=1;5;;1;9"),
        ("a=1;5;7;low;9", "a=1;5;7;;9"),
        ("a=1;5;7;1;9s", "a=1;5;7;1"),
        ("a=1;5;7;1;9;11", "a=1;5;7;1;9"),
    ] {
        let (metrics, errors) = parse(text);
        assert_eq!((written(&metrics[0]).as_str(), errors.len()), (kept, 1));
    }
}

#[test]
fn a_label_is_safe_for_every_reader_and_never_empty() {
    for (label, safe) in [
        ("/var", "/var"),
        ("a=b|c'd", "a_b_c_d"),
        ("fe80::1", "fe80_1"),
        (":::", "_:"),
        ("a\nb", "a b"),
        (" ", "_"),
        ("", "_"),
    ] {
        assert_eq!(safe_label(label), safe);
    }
}

#[test]
fn a_number_that_is_none_is_written_as_unknown() {
    let metric = Metric::new("a", f64::NAN, "s").max(f64::INFINITY);
    assert_eq!(written(&metric), "a=U");
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_one_item(
        label in "(?s).{0,12}|[a-z=:' |]{0,12}",
        value in prop_oneof![any::<i64>().prop_map(Number::Int), any::<f64>().prop_map(Number::Float)],
        unit in "|us|s|B|%|c|; |9",
        warn in proptest::option::of("[0-9]{1,3}:|@~:[0-9]{1,3}"),
        max in proptest::option::of(any::<i64>()),
    ) {
        let mut metric = Metric::new(label, value, "");
        metric.unit = unit.into();
        metric.warn = warn.map(|text| text.parse().unwrap());
        metric.max = max.map(Number::Int);
        let text = written(&metric);
        let back = read(&text);
        prop_assert_eq!(&back.name, &safe_label(&metric.name));
        prop_assert_eq!(back.warn, metric.warn);
        prop_assert_eq!(back.max, metric.max);
        prop_assert_eq!(written(&back), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,40}|[a=';1 ,.U:\n]{0,20}") {
        let (metrics, _) = parse(&text);
        prop_assert!(metrics.iter().all(|metric| !metric.name.is_empty()));
    }
}
