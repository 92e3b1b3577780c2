//! What never answers: a file system, a server, a resolver. Every check ends within its timeout and 0.2 s.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ce_check::{CHECKS, Group};
use ce_tests::program::{Program, Said, binary};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// What a check may take beyond its timeout, starting it included.
const BEYOND: Duration = Duration::from_millis(200);

/// Runs it with a timeout of one second. A busy machine is given three tries to show that it can be kept.
fn within_a_second(run: impl Fn() -> Said) -> Said {
    for _ in 0..2 {
        let said = run();
        if said.took <= Duration::from_secs(1) + BEYOND {
            return said;
        }
    }
    let said = run();
    assert!(
        said.took <= Duration::from_secs(1) + BEYOND,
        "took {:?}: {said:?}",
        said.took
    );
    said
}

/// A FUSE file system whose daemon takes every question and answers none but the first, the kernel's greeting.
struct HungMount {
    point: PathBuf,
    device: Option<File>,
    _folder: tempfile::TempDir,
}

impl HungMount {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let point = folder.path().join("hung");
        fs::create_dir(&point).expect("a folder");
        let device = File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .expect("/dev/fuse: run the tests as root");
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = std::ffi::CString::new(options).expect("no NUL");
        mount(
            "hung",
            &point,
            "fuse.hung",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .expect("mounting as root");
        let mut reader = device.try_clone().expect("a second descriptor");
        let mut writer = device.try_clone().expect("a third descriptor");
        thread::spawn(move || {
            let mut question = vec![0; 1 << 17];
            let Ok(_) = reader.read(&mut question) else {
                return;
            };
            let unique = question[8..16].to_vec();
            // FUSE_INIT: a header of 16 bytes and the answer of 64 (struct fuse_init_out), version 7.31.
            let mut answer = Vec::new();
            answer.extend(80u32.to_ne_bytes());
            answer.extend(0u32.to_ne_bytes());
            answer.extend(unique);
            answer.extend(7u32.to_ne_bytes());
            answer.extend(31u32.to_ne_bytes());
            answer.resize(80, 0);
            if writer.write_all(&answer).is_ok() {
                while reader.read(&mut question).is_ok() {}
            }
        });
        Self {
            point,
            device: Some(device),
            _folder: folder,
        }
    }
}

impl Drop for HungMount {
    fn drop(&mut self) {
        // Aborting the connection frees everybody who waits for an answer.
        if let Ok(entries) = fs::read_dir("/sys/fs/fuse/connections") {
            let minor = device_minor(&self.point);
            for entry in entries.flatten() {
                if Some(entry.file_name().to_string_lossy().into_owned()) == minor {
                    let _ = fs::write(entry.path().join("abort"), "1");
                }
            }
        }
        let _ = unmount(&self.point, UnmountFlags::DETACH);
        self.device.take();
    }
}

/// The minor device number of the mount, which names its FUSE connection; from the table, for the mount hangs.
fn device_minor(point: &std::path::Path) -> Option<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = table
        .lines()
        .find(|line| line.split(' ').nth(4) == point.to_str())?;
    line.split(' ')
        .nth(2)?
        .split_once(':')
        .map(|(_, minor)| minor.to_owned())
}

#[test]
fn a_hung_mount_is_critical_by_name_while_the_others_are_judged_and_nobody_waits_twice() {
    let hung = HungMount::new();
    let state = tempfile::tempdir().expect("a folder");
    let disk = || {
        Program::check()
            .state(state.path())
            .args(["disk", "-t", "1", "-p", "/", "-p"])
            .arg(&hung.point)
            .run()
    };
    let first = disk();
    assert!(first.took <= Duration::from_secs(2), "{first:?}");
    assert_eq!(first.code, 2, "{first:?}");
    let of = |said: &Said, object: &str| {
        let found = said
            .records()
            .into_iter()
            .find(|record| record["object"] == object);
        found.unwrap_or_else(|| panic!("no record of {object}: {said:?}"))
    };
    let point = hung.point.display().to_string();
    assert_eq!(
        (&of(&first, &point)["state"], &of(&first, &point)["cause"]),
        (&"critical".into(), &"timeout".into())
    );
    assert_ne!(of(&first, "/")["cause"], "timeout");

    let second = disk();
    assert!(second.took <= Duration::from_secs(1), "{second:?}");
    let summary = of(&second, &point)["summary"].clone();
    assert!(
        summary
            .as_str()
            .is_some_and(|text| text.contains("still hangs")),
        "{second:?}"
    );

    for args in [&["files"][..], &["mounts", "-p"]] {
        let fresh = tempfile::tempdir().expect("a folder");
        let said = within_a_second(|| {
            Program::check()
                .state(fresh.path())
                .args(args)
                .arg(&hung.point)
                .args(["-t", "1"])
                .run()
        });
        assert!(said.code == 2 || said.code == 3, "{args:?}: {said:?}");
    }
}

/// A listener that takes connections (the kernel does) and never says a word.
fn silent_tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    (listener, port)
}

#[test]
fn a_silent_server_ends_every_network_check_at_its_timeout() {
    let (_listener, port) = silent_tcp();
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let udp_port = datagrams
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    for check in CHECKS
        .iter()
        .filter(|check| check.group == Group::Network && check.name != "ping")
    {
        let args: Vec<&str> = match check.name {
            "udp" => vec![
                "udp",
                "-H",
                "127.0.0.1",
                "-p",
                &udp_port,
                "-s",
                "hello",
                "-e",
                "world",
            ],
            "dns" => vec![
                "dns",
                "-H",
                "www.example.org",
                "-s",
                "127.0.0.1",
                "-p",
                &udp_port,
            ],
            "clock" => vec!["clock", "-H", "127.0.0.1", "-p", &udp_port],
            "tcp" => vec!["tcp", "-H", "127.0.0.1", "-p", &port, "-e", "220"],
            name => vec![name, "-H", "127.0.0.1", "-p", &port],
        };
        let said = within_a_second(|| Program::check().args(&args).args(["-t", "1"]).run());
        let record = said.record();
        assert_eq!(
            (said.code, record["cause"].as_str()),
            (2, Some("timeout")),
            "{args:?}: {said:?}"
        );
    }
}

#[test]
fn a_body_that_drips_ends_at_the_timeout() {
    let (listener, port) = silent_tcp();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                while stream.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    let said = within_a_second(|| {
        Program::check()
            .args(["http", "-H", "127.0.0.1", "-p", &port, "-t", "1"])
            .run()
    });
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("timeout")),
        "{said:?}"
    );
}

#[test]
fn a_dead_resolver_ends_at_the_timeout() {
    // A network of its own with a resolver that hears and does not answer.
    let folder = tempfile::tempdir().expect("a folder");
    let resolv = folder.path().join("resolv.conf");
    fs::write(&resolv, "nameserver 127.0.0.1\n").expect("a file");
    let ready = folder.path().join("ready");
    let silent = format!(
        "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', 53))\n\
         open('{}', 'w').close()\ntime.sleep(30)\n",
        ready.display()
    );
    let script = format!(
        "ip link set lo up && mount --bind '{resolv}' /etc/resolv.conf && python3 -c \"$SILENT\" & \
         while [ ! -e '{ready}' ]; do sleep 0.02; done; \
         for check in 'http' 'tcp -p 80' 'tls -p 443'; do \
           start=$(date +%s%N); '{program}' $check -H no-such-name.example.org -t 1 --format nagios; code=$?; \
           echo \"took $(( ($(date +%s%N) - start) / 1000000 )) code $code\"; \
         done; kill $!",
        resolv = resolv.display(),
        ready = ready.display(),
        program = binary("ce-check").display(),
    );
    let output = Command::new("unshare")
        .args(["--net", "--mount", "/bin/sh", "-c", &script])
        .env("SILENT", silent)
        .env("CE_STATE_DIR", folder.path())
        .output()
        .expect("unshare");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let results: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("took "))
        .collect();
    assert_eq!(results.len(), 3, "{output:?}");
    for line in results {
        let words: Vec<&str> = line.split(' ').collect();
        let took: u64 = words[1].parse().expect("milliseconds");
        assert!((900..1400).contains(&took) && words[3] == "2", "{text}");
    }
    assert!(text.contains("looking up"), "{text}");
}
