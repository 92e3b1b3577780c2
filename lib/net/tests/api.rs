//! API calls against servers of our own that record what they were asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ce_net::NetError;
use ce_net::api::{Api, ApiOptions, Auth};
use ce_record::Cause;

/// A server that gives each connection this answer; what it was sent comes out of the channel.
fn server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let request = read_request(&socket);
            let _ = (&socket).write_all(answer.as_bytes());
            if sender.send(request).is_err() {
                break;
            }
        }
    });
    (base, requests)
}

/// A server that says this whatever it is asked, then one byte at a time without end.
fn dripping(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let _ = socket.write_all(head.as_bytes());
            while socket.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        }
    });
    base
}

fn read_request(socket: &TcpStream) -> String {
    let mut reader = BufReader::new(socket);
    let mut request = String::new();
    let mut length = 0;
    while reader.read_line(&mut request).unwrap() > 2 {
        let line = request.lines().next_back().unwrap().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789";

const SECRET: &str = "s3cr:t";

#[test]
fn a_form_and_json_arrive_with_who_we_are() {
    let (base, requests) = server(CREATED);
    let mut options = ApiOptions::new(format!("{base}/nrdp/"));
    options.auth = Auth::Basic("ce", SECRET);
    let api = Api::new(&options).unwrap();
    let answer = api.post_form("/", &[("cmd", "a b"), ("x&y", "ü")]).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"{}"[..]));
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /nrdp HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("authorization: Basic Y2U6czNjcjp0\r\n"),
        "{request}"
    );
    assert!(request.contains("application/x-www-form-urlencoded"));
    assert!(
        request.ends_with("cmd=a+b&x%26y=%C3%BC") || request.ends_with("cmd=a%20b&x%26y=%C3%BC"),
        "{request}"
    );

    options.auth = Auth::Header("X-Token", SECRET);
    let api = Api::new(&options).unwrap();
    api.post_json("v1/actions", br#"{"a":1}"#).unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /nrdp/v1/actions HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-token: s3cr:t\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");

    options.auth = Auth::Bearer(SECRET);
    Api::new(&options).unwrap().get("v1").unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.contains("authorization: Bearer s3cr:t\r\n"),
        "{request}"
    );
}

#[test]
fn a_failure_of_the_server_is_an_answer_and_is_cut_at_the_limit() {
    let (base, _requests) = server(BUSY);
    let mut options = ApiOptions::new(base);
    options.limit_bytes = 4;
    let answer = Api::new(&options).unwrap().get("").unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.retry_after.as_deref(), Some("7"));
    assert_eq!(answer.body, b"0123");
    assert!(answer.is_cut);
}

#[test]
fn an_answer_that_drips_ends_at_the_timeout() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: ",
    ] {
        let mut options = ApiOptions::new(dripping(head));
        options.timeout = Duration::from_millis(200);
        let api = Api::new(&options).unwrap();
        let began = Instant::now();
        let error = api.get("").unwrap_err();
        assert_eq!(error.cause(), Cause::TIMEOUT, "{error}");
        assert!(began.elapsed() < Duration::from_millis(300));
    }
}

#[test]
fn no_debug_output_shows_a_secret() {
    let mut options = ApiOptions::new("http://127.0.0.1:1");
    options.auth = Auth::Basic("ce", SECRET);
    let api = Api::new(&options).unwrap();
    let shown = format!("{options:?} {api:?}");
    assert!(
        !shown.contains("s3cr") && !shown.contains("Y2U6"),
        "{shown}"
    );
}

#[test]
fn refused_unresolved_silent_and_unencrypted_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let plain = dripping("220 this is no tls\r\n");
    for (base, cause) in [
        (format!("http://{silent}"), Cause::TIMEOUT),
        (format!("https://{silent}"), Cause::TIMEOUT),
        (format!("http://{closed}"), Cause::CONNECT),
        (plain.replace("http:", "https:"), Cause::TLS),
        ("ftp://x".to_owned(), Cause::CONFIG),
        ("http://".to_owned(), Cause::CONFIG),
    ] {
        let mut options = ApiOptions::new(base);
        options.timeout = Duration::from_millis(200);
        options.insecure = true;
        let began = Instant::now();
        let error = Api::new(&options)
            .and_then(|api| api.get("x?key=1"))
            .unwrap_err();
        assert_eq!(error.cause(), cause, "{error}");
        assert!(!error.to_string().contains("key"), "{error}");
        assert!(began.elapsed() < Duration::from_millis(300), "{error}");
    }
}

#[test]
fn an_untrusted_api_is_a_matter_of_tls() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = vec![key.cert.der().clone()];
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, private.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let config = std::sync::Arc::new(config.clone());
            let mut conn = rustls::ServerConnection::new(config).unwrap();
            let mut tls = rustls::Stream::new(&mut conn, &mut socket);
            let _ = tls.read(&mut [0; 4096]);
            let _ = tls.write_all(CREATED.as_bytes());
            conn.send_close_notify();
            let _ = conn.complete_io(&mut socket);
        }
    });
    let mut options = ApiOptions::new(format!("https://localhost:{port}"));
    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), other.cert.pem()).unwrap();
    options.roots = ce_net::tls::Roots::File(file.path().to_owned());
    let error = Api::new(&options).unwrap().get("").unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error:?}");
    assert_eq!(error.cause(), Cause::TLS);
    options.insecure = true;
    assert_eq!(Api::new(&options).unwrap().get("").unwrap().status, 201);
}
