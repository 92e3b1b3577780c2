//! What a Munin master is told, byte for byte, and that no object can break the protocol.

use proptest::prelude::*;

use super::*;
use crate::render::fixtures::{disk, web};

#[test]
fn each_metric_is_a_graph_and_each_object_a_field() {
    assert_eq!(
        munin(&disk()[1..]),
        "multigraph ce_disk_used\n_srv_gr__er.value 97710505984\n_.value 36507222016\n\
         multigraph ce_disk_used_share\n_srv_gr__er.value 91\n_.value 34\n"
    );
}

#[test]
fn the_config_describes_what_the_values_print() {
    assert_eq!(
        munin_config(&disk()[..1]),
        "\
multigraph ce_disk_used
graph_title disk: used
graph_category system
graph_vlabel bytes
graph_args --base 1024 -l 0
_var.label /var
_var.type GAUGE
multigraph ce_disk_used_share
graph_title disk: used share
graph_category system
graph_vlabel percent
graph_args --base 1000 -l 0
_var.label /var
_var.type GAUGE
_var.warning :90
_var.critical :95
"
    );
}

#[test]
fn a_network_check_is_drawn_in_seconds_and_a_counter_as_a_rate() {
    assert_eq!(
        munin(&web()),
        "multigraph ce_http_hits\nhits.value 12345\nmultigraph ce_http_total\ntotal.value 0.25\n"
    );
    assert_eq!(
        munin_config(&web()),
        "\
multigraph ce_http_hits
graph_title http: hits
graph_category network
graph_vlabel per ${graph_period}
graph_args --base 1000 -l 0
hits.label hits
hits.type DERIVE
hits.min 0
multigraph ce_http_total
graph_title http: total
graph_category network
graph_vlabel seconds
graph_args --base 1000 -l 0
total.label total
total.type GAUGE
total.critical 0:10
"
    );
}

#[test]
fn a_limit_that_munin_cannot_say_is_left_out() {
    for (range, expected) in [
        ("10", Some("0:10")),
        ("10:", Some("10:")),
        ("~:10", Some(":10")),
        ("-5:-1.5", Some("-5:-1.5")),
        ("~:", None),
        ("@1:2", None),
    ] {
        assert_eq!(limits(range.parse().unwrap(), "").as_deref(), expected);
    }
}

#[test]
fn an_unknown_value_is_u() {
    let mut record = disk().remove(0);
    record.metrics[0].value = None;
    assert!(munin(&[record]).contains("_var.value U\n"));
}

#[test]
fn names_that_would_be_equal_too_long_or_reserved_end_in_a_hash() {
    let names = |objects: &[&str]| -> Vec<String> {
        let records: Vec<Record> = objects
            .iter()
            .map(|object| Record {
                object: Some((*object).to_owned()),
                ..disk().remove(0)
            })
            .collect();
        let graphs = graphs(&records);
        let fields = &graphs["ce_disk_used"].fields;
        fields.iter().map(|field| field.name.clone()).collect()
    };
    assert_eq!(names(&["/a.b", "/a-b"]), ["_a_b_29a37cc1", "_a_b_f79c7246"]);
    assert_eq!(names(&["/a.b"]), ["_a_b"]);
    assert_eq!(names(&["0"]), ["_0"]);
    assert_eq!(names(&["root"]), ["root_20fd0e45"]);
    assert_eq!(
        names(&["/var/lib/docker/overlay2"]),
        ["_var_lib_d_e9c86183"]
    );
    assert_eq!(names(&["/a", "/a"]), ["_a"]);
}

proptest! {
    #[test]
    fn every_field_name_is_one_that_munin_takes_and_none_stands_twice(objects in proptest::collection::vec("\\PC{0,24}|[/a.-]{1,3}", 1..6)) {
        let records: Vec<Record> = objects
            .into_iter()
            .map(|object| Record { object: Some(object), ..disk().remove(0) })
            .collect();
        let graphs = graphs(&records);
        let mut seen = std::collections::HashSet::new();
        for field in &graphs["ce_disk_used"].fields {
            prop_assert!(seen.insert(&field.name));
            prop_assert!(field.name.len() <= MAX_FIELD);
            prop_assert!(word(&field.name) == field.name);
        }
    }
}
