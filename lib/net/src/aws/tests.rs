use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A server on this machine that answers by request line and headers, one request a connection.
fn serve(
    answer: impl Fn(&str, &HashMap<String, String>) -> (u16, String) + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            let _ = reader.read_line(&mut first);
            let mut headers = HashMap::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) < 3 {
                    break;
                }
                let (name, value) = line.split_once(':').unwrap();
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let length: u64 = headers
                .get("content-length")
                .map_or(0, |text| text.parse().unwrap());
            let mut body = Vec::new();
            let _ = reader.take(length).read_to_end(&mut body);
            let line: Vec<&str> = first.split(' ').collect();
            let (status, body) = answer(&format!("{} {}", line[0], line[1]), &headers);
            let _ = write!(
                stream,
                "HTTP/1.1 {status} .\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("http://{address}")
}

/// A metadata service whose credentials are numbered and hold so many seconds.
fn metadata_service(seconds: i64, faults: usize) -> (String, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&given);
    let asked = AtomicUsize::new(0);
    let url = serve(move |line, headers| {
        let shown = headers
            .get("x-aws-ec2-metadata-token")
            .is_some_and(|token| token == "a token");
        match line {
            "PUT /latest/api/token" => {
                assert_eq!(headers["x-aws-ec2-metadata-token-ttl-seconds"], "21600");
                if asked.fetch_add(1, Ordering::SeqCst) < faults {
                    return (503, String::new());
                }
                (200, "a token".to_owned())
            }
            _ if !shown => (401, String::new()),
            "GET /latest/meta-data/iam/security-credentials/" => (200, "backup-role\n".to_owned()),
            "GET /latest/meta-data/iam/security-credentials/backup-role" => {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let expires = Timestamp::now().as_second() + seconds;
                let expires = Timestamp::from_second(expires).unwrap();
                let body = format!(
                    r#"{{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC",
                    "AccessKeyId":"ASIA{number}","SecretAccessKey":"secret","Token":"token{number}",
                    "Expiration":"{expires}"}}"#
                );
                (200, body)
            }
            _ => (404, String::new()),
        }
    });
    (url, given)
}

fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    |name| {
        let found = pairs.iter().find(|(known, _)| *known == name)?;
        Some(OsString::from(found.1))
    }
}

fn source(pairs: &[(&str, &str)]) -> Result<Source, NetError> {
    Source::from_environment(&env(pairs))
}

#[test]
fn keys_in_the_environment_come_first() {
    let found = source(&[
        ("AWS_ACCESS_KEY_ID", "AKI"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_PROFILE", "other"),
    ]);
    let credentials = Provider::new(found.unwrap()).current().unwrap();
    assert_eq!(credentials.keys().access_key, "AKI");
    assert_eq!(credentials.keys().session_token, Some("token"));
    assert_eq!(format!("{credentials:?}"), "Credentials(AKI)");
}

#[test]
fn half_a_key_is_an_error_and_not_passed_over() {
    for (half, missing) in [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ] {
        let said = source(&[(half, "x")]).unwrap_err().to_string();
        assert_eq!(
            said,
            format!("'{half}' cannot be used: {missing} is not set")
        );
    }
}

#[test]
fn the_file_is_used_where_it_has_the_profile_or_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    fs::create_dir(folder.path().join(".aws")).unwrap();
    let path = folder.path().join(".aws/credentials");
    fs::write(
        &path,
        "[default]\naws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=B\naws_secret_access_key=s",
    )
    .unwrap();
    let key = |pairs: &[(&str, &str)]| {
        let provider = Provider::new(source(pairs).unwrap());
        provider.current().map(|it| it.access_key.clone())
    };
    assert_eq!(key(&[("HOME", home)]).unwrap(), "A");
    assert_eq!(key(&[("HOME", home), ("AWS_PROFILE", "b")]).unwrap(), "B");
    let named = [
        ("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap()),
        ("AWS_PROFILE", "c"),
    ];
    let said = key(&named).unwrap_err().to_string();
    assert!(said.ends_with("it has no profile 'c'"), "{said}");
    let nowhere = [("HOME", "/nonexistent")];
    assert!(matches!(source(&nowhere), Ok(Source::Instance { .. })));
    let off = [
        ("HOME", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    assert!(source(&off).is_err());
}

#[test]
fn a_file_is_read_again_when_its_keys_have_expired() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |token: &str| {
        let text = format!(
            "[default]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token={token}"
        );
        fs::write(file.path(), text).unwrap();
    };
    write("one");
    let provider = Provider::new(Source::File {
        path: file.path().to_owned(),
        profile: "default".to_owned(),
    });
    let first = provider.current().unwrap();
    let said = provider.renew(&first).unwrap_err().to_string();
    assert!(said.contains("its session has expired"), "{said}");
    write("two");
    let second = provider.renew(&first).unwrap();
    assert_eq!(second.keys().session_token, Some("two"));
    // Who comes later with the same old ones gets the new ones without another look.
    write("three");
    let again = provider.renew(&first).unwrap();
    assert_eq!(again.keys().session_token, Some("two"));
}

#[test]
fn an_instance_gives_its_roles_credentials_to_many_threads_once() {
    let (endpoint, given) = metadata_service(3600, 1);
    let pairs = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.as_str())];
    let provider = Provider::new(source(&pairs).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(provider.current().unwrap().access_key, "ASIA0"));
        }
    });
    assert_eq!(given.load(Ordering::SeqCst), 1);
}

#[test]
fn credentials_are_fetched_again_before_they_expire() {
    let (endpoint, given) = metadata_service(3600, 0);
    let provider = Provider::new(Source::Instance { endpoint });
    let now = Timestamp::now();
    let after = |seconds: u64| {
        let time = now.saturating_add(Duration::from_secs(seconds)).unwrap();
        provider.current_at(time).unwrap().access_key.clone()
    };
    assert_eq!(after(0), "ASIA0");
    assert_eq!(after(3000), "ASIA0");
    assert_eq!(after(3400), "ASIA1");
    assert_eq!(given.load(Ordering::SeqCst), 2);
    // The new ones are as old as they look: another attempt follows, but not at once.
    assert_eq!(after(3401), "ASIA1");
    assert_eq!(after(3440), "ASIA2");
}

#[test]
fn what_still_holds_is_used_while_nothing_new_can_be_had() {
    let up = Arc::new(AtomicUsize::new(1));
    let switch = Arc::clone(&up);
    let url = serve(move |_, headers| {
        if switch.load(Ordering::SeqCst) == 0 {
            return (404, String::new());
        }
        assert_eq!(headers["authorization"], "Basic container");
        let expires = Timestamp::now().as_second() + 3600;
        let expires = Timestamp::from_second(expires).unwrap();
        let body = format!(
            r#"{{"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"{expires}"}}"#
        );
        (200, body)
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "Basic container\n").unwrap();
    let pairs = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another"),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.path().to_str().unwrap(),
        ),
    ];
    let provider = Provider::new(source(&pairs).unwrap());
    assert_eq!(provider.current().unwrap().access_key, "ASIA");
    up.store(0, Ordering::SeqCst);
    let later = |seconds: u64| {
        let time = Timestamp::now().saturating_add(Duration::from_secs(seconds));
        provider.current_at(time.unwrap())
    };
    assert_eq!(later(3400).unwrap().access_key, "ASIA");
    assert!(later(3700).is_err());
}

#[test]
fn credentials_come_by_tls_or_from_near() {
    for url in [
        "https://credentials.example.org/x",
        "http://127.0.0.1:4711/x",
        "http://[::1]/x",
        "http://localhost/x",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
    ] {
        assert!(metadata::may_be_asked(url).is_ok(), "{url}");
    }
    for url in ["http://credentials.example.org/x", "ftp://127.0.0.1/", "x"] {
        assert!(metadata::may_be_asked(url).is_err(), "{url}");
    }
}

#[test]
fn an_instance_without_a_role_says_so_and_nothing_secret_is_shown() {
    let url = serve(|line, _| match line {
        "PUT /latest/api/token" => (200, "a token".to_owned()),
        _ => (404, String::new()),
    });
    let provider = Provider::new(Source::Instance { endpoint: url });
    let said = provider.current().unwrap_err().to_string();
    assert_eq!(
        said,
        "'AWS credentials' cannot be used: this instance has no role"
    );
    let url = serve(|_, _| (200, r#"{"AccessKeyId":"A","SecretAccessKey":7}"#.to_owned()));
    let provider = Provider::new(Source::Container {
        url,
        authorization: Authorization::None,
    });
    let said = provider.current().unwrap_err().to_string();
    assert!(
        said.ends_with("the answer is not the JSON it should be"),
        "{said}"
    );
}
