//! Passive results over HTTP, to servers that speak NRDP's and Icinga 2's documented protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ce_tests::program::{Program, Said};
use serde_json::{Value, json};

use crate::schema::assert_valid;

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    head: String,
    body: String,
}

/// An HTTP server that answers by a function and keeps what it was asked.
struct Answering {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

fn answering(answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static) -> Answering {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            thread::spawn(move || serve(stream, &kept, &*answer));
        }
    });
    Answering { port, seen }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> (u16, String),
) {
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut head = String::new();
        while reader.read_line(&mut head).unwrap_or(0) > 2 {}
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let request = Request {
            line: line.trim().to_owned(),
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let (status, text) = answer(&request);
        seen.lock().expect("no panic").push(request);
        let _ = write!(
            writer,
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
    }
}

fn secret(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("secret");
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

fn records() -> String {
    Program::check()
        .args(["disk", "-p", "/", "-w", "100%", "-c", "100%"])
        .run()
        .stdout
}

fn submit(args: &[&str]) -> Said {
    let said = Program::check()
        .arg("submit")
        .args(args)
        .stdin(records())
        .run();
    if !said.stdout.is_empty() {
        assert_valid(&said);
    }
    said
}

#[test]
fn nrdp_takes_results_and_its_refusals_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = secret(folder.path(), "tok\n");
    let server = answering(|request| {
        let fields: Vec<&str> = request.body.split('&').collect();
        if fields.contains(&"token=tok") && fields.contains(&"cmd=submitcheck") {
            (200, json!({"result": {"status": 0, "message": "OK", "meta": {"output": "1 checks processed."}}}).to_string())
        } else {
            (
                200,
                json!({"result": {"status": -1, "message": "BAD TOKEN"}}).to_string(),
            )
        }
    });
    let url = format!("http://127.0.0.1:{}/nrdp/", server.port);
    let said = submit(&[
        "--nrdp",
        &url,
        "--token-file",
        token.to_str().expect("UTF-8"),
    ]);
    assert_eq!(
        (said.code, &said.record()["state"]),
        (0, &"ok".into()),
        "{said:?}"
    );
    let sent = server.seen.lock().expect("no panic")[0].body.clone();
    let data = sent
        .split('&')
        .find_map(|field| field.strip_prefix("JSONDATA="))
        .expect("JSONDATA");
    let data: Value = serde_json::from_str(&percent_decoded(data)).expect("JSON");
    let result = &data["checkresults"][0];
    assert_eq!(
        (&result["checkresult"]["type"], &result["servicename"]),
        (&"service".into(), &"disk /".into())
    );
    assert_eq!(
        (&result["hostname"], &result["state"]),
        (&"testhost".into(), &"2".into())
    );
    assert!(
        result["output"]
            .as_str()
            .is_some_and(|text| text.starts_with("CRITICAL: /: ") && text.contains("| /_used="))
    );

    let wrong = tempfile::tempdir().expect("a folder");
    let wrong = secret(wrong.path(), "wrong");
    let said = submit(&[
        "--nrdp",
        &url,
        "--token-file",
        wrong.to_str().expect("UTF-8"),
    ]);
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("auth")),
        "{said:?}"
    );
    assert!(
        said.record()["summary"]
            .as_str()
            .is_some_and(|text| text.ends_with("BAD TOKEN")),
        "{said:?}"
    );
}

#[test]
fn icinga_takes_results_and_its_refusals_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let password = secret(folder.path(), "pw");
    let server = answering(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        // ce:pw
        if !request.head.contains("Basic Y2U6cHc=") {
            (
                401,
                "<h1>Unauthorized. Please check your user credentials.</h1>".to_owned(),
            )
        } else if body["filter_vars"]["ce_service"] == "disk /" {
            (200, json!({"results": [{"code": 200.0, "status": "Successfully processed check result for object 'x'."}]}).to_string())
        } else {
            (
                // As Icinga 2.13.6 answers when its filter finds nothing.
                500,
                json!({"results": []}).to_string(),
            )
        }
    });
    let url = format!("http://127.0.0.1:{}", server.port);
    let password = password.to_str().expect("UTF-8");
    let said = submit(&[
        "--icinga",
        &url,
        "--user",
        "ce",
        "--password-file",
        password,
    ]);
    assert_eq!(
        (said.code, &said.record()["state"]),
        (0, &"ok".into()),
        "{said:?}"
    );
    let request = server.seen.lock().expect("no panic")[0].clone();
    assert_eq!(
        request.line,
        "POST /v1/actions/process-check-result HTTP/1.1"
    );
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(
        (&body["type"], &body["exit_status"]),
        (&"Service".into(), &2.into())
    );
    assert!(
        body["plugin_output"]
            .as_str()
            .is_some_and(|text| !text.contains('|')),
        "{body}"
    );
    assert!(
        body["performance_data"][0]
            .as_str()
            .is_some_and(|item| item.starts_with("/_used=")),
        "{body}"
    );

    let said = submit(&[
        "--icinga",
        &url,
        "--user",
        "ce",
        "--password-file",
        password,
        "--service",
        "other",
    ]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.record()["summary"]
            .as_str()
            .is_some_and(|text| text.ends_with("it has no such host or service")),
        "{said:?}"
    );
    let said = submit(&[
        "--icinga",
        &url,
        "--user",
        "eve",
        "--password-file",
        password,
    ]);
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("auth")),
        "{said:?}"
    );
}

#[test]
fn a_server_that_is_gone_or_silent_fails_every_record_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = secret(folder.path(), "tok");
    let token = token.to_str().expect("UTF-8");
    let gone = format!("http://127.0.0.1:{}/nrdp/", ce_tests::server::free_port());
    let said = submit(&["--nrdp", &gone, "--token-file", token]);
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("connect")),
        "{said:?}"
    );

    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let url = format!(
        "http://127.0.0.1:{}/",
        silent.local_addr().expect("an address").port()
    );
    let said = submit(&["--nrdp", &url, "--token-file", token, "-t", "1"]);
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("timeout")),
        "{said:?}"
    );
    assert!(said.took < Duration::from_secs(3), "{said:?}");
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let said = submit(&["--nagios", "/no/such/fifo", "--dry-run"]);
    assert_eq!(said.code, 0, "{said:?}");
    let summary = said.record()["summary"].clone();
    assert_eq!(
        summary,
        "testhost/disk / sent to Nagios at '/no/such/fifo' (a dry run: nothing was sent)"
    );
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = secret(folder.path(), "tok");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let said = submit(&[
        "--nrdp",
        "http://127.0.0.1:1/",
        "--token-file",
        token.to_str().expect("UTF-8"),
    ]);
    assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
    assert!(
        said.stderr.contains("holds a secret but its mode is 0644")
            && said.stderr.contains("hint: chmod 600"),
        "{said:?}"
    );
}

fn percent_decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(&tail[..2]).expect("hexadecimal");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
