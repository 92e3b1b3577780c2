//! The verdict, the arguments.

use ce_record::State;
use clap::{FromArgMatches, Parser};

use jiff::Timestamp;

use super::message::{Code, Data};
use super::message::{Flags, Message, Resource};
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    dns: Dns,
}

fn dns(arguments: &str) -> Dns {
    let words = std::iter::once("dns").chain(arguments.split_whitespace());
    let matches = <Line as clap::CommandFactory>::command()
        .try_get_matches_from(words)
        .unwrap();
    Line::from_arg_matches(&matches).unwrap().dns
}

fn facts(dns: &Dns, code: Code, flags: Flags, data: &[Data]) -> Facts {
    let kinds = vec![Type::A];
    let record = |data: &Data| Resource {
        name: "www.example.org.".to_owned(),
        kind: match data {
            Data::Signature { .. } => Type(message::RRSIG),
            Data::Name(_) => Type::CNAME,
            _ => Type::A,
        },
        ttl_s: 300,
        data: data.clone(),
    };
    let message = Message {
        id: 1,
        is_response: true,
        flags,
        code,
        question: Vec::new(),
        answer: data.iter().map(record).collect(),
    };
    let answered = Answered {
        message,
        server: "192.0.2.53:53".parse().unwrap(),
        tcp: false,
    };
    Facts {
        name: dns.name(),
        kinds,
        answers: vec![answered],
        failed: Vec::new(),
        took: Duration::from_millis(20),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

#[test]
fn an_answer_is_judged_by_code_flags_values_and_time() {
    let found = [
        Data::Name("cdn.example.net.".to_owned()),
        Data::A([192, 0, 2, 1].into()),
    ];
    let aa = Flags {
        authoritative: true,
        ..Flags::default()
    };
    let none = Flags::default();
    for (arguments, code, flags, data, state, summary) in [
        (
            "",
            Code::NO_ERROR,
            none,
            &found[..],
            State::Ok,
            "192.0.2.1 in 20 ms",
        ),
        (
            "-w 0.01",
            Code::NO_ERROR,
            none,
            &found,
            State::Warning,
            "192.0.2.1 in 20 ms",
        ),
        (
            "-a 192.0.2.1 -A",
            Code::NO_ERROR,
            aa,
            &found,
            State::Ok,
            "192.0.2.1 in 20 ms",
        ),
        (
            "-A",
            Code::NO_ERROR,
            none,
            &found,
            State::Critical,
            "192.0.2.53:53 is not authoritative for 'www.example.org'",
        ),
        (
            "--expect-authentic",
            Code::NO_ERROR,
            aa,
            &found,
            State::Critical,
            "192.0.2.53:53 has not verified the answer by DNSSEC",
        ),
        (
            "-a 10.0.0.0/8",
            Code::NO_ERROR,
            none,
            &found,
            State::Critical,
            "none of the expected values in 192.0.2.1",
        ),
        (
            "",
            Code::NO_ERROR,
            none,
            &[],
            State::Critical,
            "'www.example.org' has no A record",
        ),
        (
            "",
            Code::NX_DOMAIN,
            none,
            &[],
            State::Critical,
            "'www.example.org' does not exist (NXDOMAIN)",
        ),
        (
            "-n",
            Code::NX_DOMAIN,
            none,
            &[],
            State::Ok,
            "no such name, as expected, in 20 ms",
        ),
        (
            "-n",
            Code::NO_ERROR,
            none,
            &found,
            State::Critical,
            "the name exists (192.0.2.1) but should not",
        ),
        (
            "",
            Code::SERV_FAIL,
            none,
            &[],
            State::Critical,
            "192.0.2.53:53 answers SERVFAIL",
        ),
    ] {
        let dns = dns(&format!("-H www.example.org {arguments}"));
        let finding = dns.judge(&facts(&dns, code, flags, data), now());
        assert_eq!(
            (finding.state, &*finding.summary),
            (state, summary),
            "{arguments}"
        );
    }
}

#[test]
fn signatures_warn_before_they_expire() {
    let dns = dns("-H www.example.org --signature-days 10,2");
    let signed = |expires: u32| {
        [
            Data::A([192, 0, 2, 1].into()),
            Data::Signature {
                covered: Type::A,
                signer: "example.org.".to_owned(),
                expires,
            },
        ]
    };
    for (expires, state, begin) in [
        (1_800_000_000 + 20 * 86_400, State::Ok, "192.0.2.1"),
        (
            1_800_000_000 + 5 * 86_400,
            State::Warning,
            "a signature expires in 5.0 days",
        ),
        (
            1_800_000_000 - 86_400,
            State::Critical,
            "a signature expired 1.0 days ago",
        ),
    ] {
        let facts = facts(&dns, Code::NO_ERROR, Flags::default(), &signed(expires));
        let finding = dns.judge(&facts, now());
        assert_eq!(finding.state, state, "{}", finding.summary);
        assert!(finding.summary.starts_with(begin), "{}", finding.summary);
    }
    let unsigned = facts(&dns, Code::NO_ERROR, Flags::default(), &signed(0)[..1]);
    assert_eq!(dns.judge(&unsigned, now()).state, State::Critical);
}

#[test]
fn a_server_and_a_name_are_given_as_to_check_dns_or_as_to_check_dig() {
    let subject = |arguments: &str| dns(arguments).subject();
    let there = Subject::remote("ns1").object("www.example.org");
    assert_eq!(subject("-s ns1 -H www.example.org"), there);
    assert_eq!(subject("-H ns1 -l www.example.org"), there);
    assert_eq!(dns("-H 192.0.2.1").wanted(), [Type::PTR]);
    assert_eq!(
        dns("-H ns1 -l 192.0.2.1 -T MX -A +tcp").wanted(),
        ["MX".parse().unwrap()]
    );
    assert!(dns("-H ns1 -l a -A +tcp").over_tcp());
    assert!(dns("-H größe.de").validate().is_err());
}
