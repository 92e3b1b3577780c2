//! dns against a real dnsmasq, ping and udp over loopback.

use std::net::UdpSocket;
use std::process::Command;
use std::thread;

use ce_tests::program::{Program, Said, binary};
use ce_tests::server::{Server, free_port};

use crate::schema::assert_valid;

#[test]
fn answers_are_compared_and_a_name_that_shall_not_be_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut command = Command::new("/usr/sbin/dnsmasq");
    command
        .args([
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--bind-interfaces",
        ])
        .args([
            "--listen-address=127.0.0.1",
            "--user=root",
            "--pid-file",
            "--auth-ttl=60",
            "--local=/test/",
        ])
        .args([
            "--host-record=www.test,192.0.2.1,2001:db8::1",
            "--host-record=www.test,192.0.2.2",
        ])
        .args([
            "--cname=alias.test,www.test",
            "--mx-host=test,mail.test,10",
            "--txt-record=test,v=spf1 -all",
        ])
        .arg(format!("--port={port}"));
    let _server = Server::start(&mut command, &folder.path().join("log")).listening(port);
    let port = port.to_string();
    let dns = |args: &[&str]| -> Said {
        let said = Program::check()
            .args(["dns", "-s", "127.0.0.1", "-p", &port])
            .args(args)
            .run();
        if !said.stdout.is_empty() {
            assert_valid(&said);
        }
        said
    };
    for (args, code) in [
        (&["-H", "www.test"][..], 0),
        (&["-H", "www.test", "-q", "AAAA", "-a", "2001:db8::1"], 0),
        (&["-H", "www.test", "-a", "192.0.2.9"], 2),
        (&["-H", "alias.test"], 0),
        (&["-H", "test", "-q", "MX"], 0),
        (&["-H", "test", "-q", "TXT"], 0),
        (&["-H", "none.test"], 2),
        (&["-H", "none.test", "-n"], 0),
        (&["-H", "www.test", "-n"], 2),
        (&["-H", "www.test", "--tcp"], 0),
        (&["-H", "www.test", "-w", "0.0000001"], 1),
        (&["-H", "www.test", "-q", "NOPE"], 3),
    ] {
        let said = dns(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
    }
}

#[test]
fn loopback_answers_pings_and_an_unprivileged_user_is_told_what_is_missing() {
    let said = Program::check()
        .args(["ping", "-H", "127.0.0.1", "--packets", "3"])
        .run();
    assert_valid(&said);
    assert_eq!(said.code, 0, "{said:?}");
    // In a network of its own: allowed by the sysctl, then refused with its name; and a host that does not answer.
    let script = format!(
        "ip link set lo up; ip link add v0 type veth peer name v1; ip addr add 192.0.2.1/24 dev v0; ip link set v0 up; \
         ip link set v1 up; ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev v0; \
         as_nobody() {{ setpriv --reuid=65534 --regid=65534 --clear-groups '{program}' \"$@\" --format nagios; echo \"code $?\"; }}; \
         echo '0 65535' >/proc/sys/net/ipv4/ping_group_range; as_nobody ping -H 127.0.0.1; \
         echo '1 0' >/proc/sys/net/ipv4/ping_group_range; as_nobody ping -H 127.0.0.1; \
         for check in ping 'tcp -p 80' 'http' 'ssh'; do s=$(date +%s%N); '{program}' $check -H 192.0.2.2 -t 1 --format nagios >/dev/null; \
         echo \"code $? after $(( ($(date +%s%N) - s) / 1000000 ))\"; done",
        program = readable_copy().display()
    );
    let output = Command::new("unshare")
        .args(["--net", "/bin/sh", "-c", &script])
        .env("HOME", "/nonexistent")
        .output()
        .expect("unshare");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let codes: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("code "))
        .collect();
    assert_eq!(codes.len(), 6, "{output:?}");
    assert_eq!(&codes[..2], ["code 0", "code 3"], "{text}");
    assert!(text.contains("net.ipv4.ping_group_range"), "{text}");
    for line in &codes[2..] {
        let words: Vec<&str> = line.split(' ').collect();
        let took: u32 = words[3].parse().expect("milliseconds");
        assert!(words[1] == "2" && (900..1400).contains(&took), "{text}");
    }
}

/// The program where everybody may run it.
fn readable_copy() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("ce-check-{}", std::process::id()));
    if !path.exists() {
        std::fs::copy(binary("ce-check"), &path).expect("a copy");
    }
    path
}

#[test]
fn udp_tells_silence_from_refusal_and_answers_from_other_answers() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(b"pong", from);
        }
    });
    let udp = |port: &str, expect: &str| {
        Program::check()
            .args([
                "udp",
                "-H",
                "127.0.0.1",
                "-p",
                port,
                "-s",
                "ping",
                "-e",
                expect,
                "-t",
                "1",
            ])
            .run()
    };
    assert_eq!(udp(&port, "pong").code, 0);
    assert_ne!(udp(&port, "other").code, 0);
    let refused = udp(&free_port().to_string(), "pong");
    assert_eq!(
        (refused.code, refused.record()["cause"].as_str()),
        (2, Some("connect")),
        "{refused:?}"
    );
}
