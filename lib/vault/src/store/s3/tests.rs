//! The store against a bucket that does what it is told: answers late, wrongly, or not at all.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use ce_net::Retry;
use ce_net::aws::{Authorization, Credentials, Source};
use zeroize::Zeroizing;

use super::*;

/// A request as it came.
struct Asked {
    /// Method, path and query.
    line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Asked {
    fn begins(&self, with: &str) -> bool {
        self.line.starts_with(with)
    }
}

/// Status, headers and body; or nothing and a closed connection.
type Answer = Option<(u16, Vec<(&'static str, String)>, Vec<u8>)>;

fn ok(body: impl Into<Vec<u8>>) -> Answer {
    Some((200, Vec::new(), body.into()))
}

fn status(status: u16) -> Answer {
    Some((status, Vec::new(), Vec::new()))
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code></Error>");
    Some((status, Vec::new(), body.into_bytes()))
}

fn tagged(body: &[u8]) -> Answer {
    let etag = format!("\"{}\"", hex(&Md5::digest(body)));
    Some((200, vec![("etag", etag)], Vec::new()))
}

/// Answers each request by a function; what was asked is kept.
struct Bucket {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Bucket {
    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream.unwrap(), &log, &*answer));
            }
        });
        Bucket { url, asked }
    }

    /// How many requests began so.
    fn count(&self, with: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|line| line.starts_with(with)).count()
    }

    fn s3(&self) -> S3 {
        let credentials = Credentials {
            access_key: "AKI".to_owned(),
            secret_key: Zeroizing::new("secret".to_owned()),
            session_token: None,
            expires: None,
        };
        let quick = Retry {
            attempts: 6,
            first: Duration::from_millis(1),
            longest: Duration::from_millis(4),
            total: Duration::from_secs(5),
        };
        S3 {
            endpoint: Some(self.url.clone()),
            region: "us-east-1".to_owned(),
            bucket: "bkt".to_owned(),
            prefix: String::new(),
            addressing: None,
            credentials: Arc::new(Provider::new(Source::Given(credentials))),
            object_lock: None,
            storage_class: None,
            remote: Remote {
                retry: quick,
                ..Remote::default()
            },
        }
    }

    fn store(&self) -> S3Store {
        S3Store::open(self.s3()).unwrap()
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<String>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) < 3 {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        if headers.contains_key("expect") {
            let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let length = headers
            .get("content-length")
            .map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let line = first.rsplit_once(' ').unwrap().0.to_owned();
        log.lock().unwrap().push(line.clone());
        let is_head = line.starts_with("HEAD");
        let asked = Asked {
            line,
            headers,
            body,
        };
        let answered = match asked.begins("GET /bkt?list-type=2&max-keys=1&") {
            true => ok("<ListBucketResult/>"),
            false => answer(&asked),
        };
        let Some((status, headers, body)) = answered else {
            return;
        };
        let mut text = format!("HTTP/1.1 {status} .\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let _ = writer.write_all(text.as_bytes());
        if !is_head {
            let _ = writer.write_all(&body);
        }
    }
}

/// Counts calls.
fn counter() -> impl Fn() -> usize + Send + Sync {
    let count = std::sync::atomic::AtomicUsize::new(0);
    move || count.fetch_add(1, Ordering::SeqCst)
}

#[test]
fn what_passes_is_tried_again() {
    let calls = counter();
    let bucket = Bucket::new(move |_| match calls() {
        0 => error(503, "SlowDown"),
        1 => error(400, "RequestTimeout"),
        2 => None,
        _ => ok("bytes"),
    });
    assert_eq!(bucket.store().get("packs/aa/x").unwrap(), b"bytes");
    assert_eq!(bucket.count("GET /bkt/packs/aa/x"), 4);
}

#[test]
fn what_will_not_pass_is_not() {
    let bucket = Bucket::new(|_| error(403, "AccessDenied"));
    let kind = bucket.store().get("x").map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::PermissionDenied));
    assert_eq!(bucket.count("GET /bkt/x"), 1);
}

#[test]
fn what_was_just_stored_is_asked_for_again_and_what_was_not_is_not() {
    let calls = counter();
    let bucket = Bucket::new(move |asked| match asked.begins("PUT") {
        true => tagged(&asked.body),
        false if asked.line.ends_with("/mine") && calls() >= 2 => ok("bytes"),
        false => error(404, "NoSuchKey"),
    });
    let store = bucket.store();
    store.put("mine", b"bytes").unwrap();
    assert_eq!(store.get("mine").unwrap(), b"bytes");
    assert_eq!(bucket.count("GET /bkt/mine"), 3);
    let kind = store.get("other").map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::NotFound));
    assert_eq!(bucket.count("GET /bkt/other"), 1);
}

/// The bucket's clients have sessions that the container answers for; the first is over.
#[test]
fn an_expired_session_is_renewed_once() {
    let calls = counter();
    let bucket = Bucket::new(move |asked| {
        if asked.begins("GET /credentials") {
            let body = format!(
                r#"{{"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t{}"}}"#,
                calls()
            );
            return ok(body);
        }
        match asked.headers["x-amz-security-token"].as_str() {
            "t0" if asked.begins("HEAD") => status(400),
            "t0" => error(400, "ExpiredToken"),
            _ => ok("bytes"),
        }
    });
    for ask in ["GET", "HEAD"] {
        let source = Source::Container {
            url: format!("{}/credentials", bucket.url),
            authorization: Authorization::None,
        };
        let store = S3Store::open(S3 {
            credentials: Arc::new(Provider::new(source)),
            ..bucket.s3()
        })
        .unwrap();
        let reply = store.send(&Ask::new(ask, "x"), &[]).unwrap();
        assert_eq!(reply.status, 200);
    }
    assert_eq!(bucket.count("GET /credentials"), 3);
}

/// Stores what is put, says nothing of it the first time.
#[test]
fn a_lost_answer_is_no_conflict() {
    let kept: Mutex<Option<Vec<u8>>> = Mutex::default();
    let bucket = Bucket::new(move |asked| {
        let mut kept = kept.lock().unwrap();
        match (asked.line.split(' ').next().unwrap(), &*kept) {
            ("PUT", None) => {
                assert_eq!(asked.headers["if-none-match"], "*");
                *kept = Some(asked.body.clone());
                None
            }
            ("PUT", Some(_)) => error(412, "PreconditionFailed"),
            (_, Some(bytes)) => ok(bytes.clone()),
            (_, None) => status(404),
        }
    });
    let store = bucket.store();
    assert!(store.put_new("snapshots/1", b"mine").unwrap());
    assert_eq!(bucket.count("PUT"), 2);
    assert!(!store.put_new("snapshots/1", b"another's").unwrap());
}

#[test]
fn a_storage_without_conditions_is_looked_at_first() {
    let bucket = Bucket::new(|asked| match asked.line.as_str() {
        "HEAD /bkt/taken" => ok("x"),
        "GET /bkt/taken" => ok("another's"),
        line if line.starts_with("HEAD") => status(404),
        _ if asked.headers.contains_key("if-none-match") => error(501, "NotImplemented"),
        _ => tagged(&asked.body),
    });
    let store = bucket.store();
    assert!(!store.put_new("taken", b"mine").unwrap());
    assert_eq!(bucket.count("PUT"), 0);
    assert!(store.put_new("one", b"mine").unwrap());
    assert_eq!(bucket.count("PUT"), 2);
    assert!(store.put_new("two", b"mine").unwrap());
    assert_eq!(bucket.count("PUT"), 3);
}

#[test]
fn an_etag_that_is_no_digest_has_what_was_stored_read_back_once() {
    let bucket = Bucket::new(|asked| match asked.begins("PUT") {
        true => tagged(b"encrypted"),
        false => ok("bytes"),
    });
    let store = bucket.store();
    store.put("one", b"bytes").unwrap();
    store.put("two", b"bytes").unwrap();
    assert_eq!(bucket.count("GET /bkt/"), 1);
    let store = bucket.store();
    let kind = store.put("one", b"other").map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::InvalidData));
}

#[test]
fn every_body_goes_with_its_digests_and_only_packs_in_another_class() {
    let bucket = Bucket::new(|asked| {
        assert_eq!(asked.headers["content-md5"], "SzpiGLs+OnMD6KFxpg/Pkg==");
        assert_eq!(
            asked.headers["x-amz-content-sha256"],
            ce_net::sigv4::sha256_hex(&asked.body)
        );
        let class = asked.headers.get("x-amz-storage-class");
        assert_eq!(class.is_some(), asked.begins("PUT /bkt/packs/"));
        tagged(&asked.body)
    });
    let store = S3Store::open(S3 {
        storage_class: Some("STANDARD_IA".to_owned()),
        ..bucket.s3()
    })
    .unwrap();
    store.put("packs/aa/x", b"bytes").unwrap();
    store.put("config", b"bytes").unwrap();
    assert_eq!(bucket.count("PUT"), 2);
}

#[test]
fn an_upload_in_parts_that_fails_is_aborted() {
    let bucket = Bucket::new(|asked| match asked.line.as_str() {
        "POST /bkt/packs/x?uploads=" => ok("<R><UploadId>u+1</UploadId></R>"),
        line if line.contains("partNumber=3") => error(403, "AccessDenied"),
        line if line.starts_with("PUT") => tagged(&asked.body),
        line if line.starts_with("DELETE") => status(204),
        line => panic!("{line}"),
    });
    let bytes = vec![7; multipart::LARGE];
    let kind = bucket
        .store()
        .put("packs/x", &bytes)
        .map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::PermissionDenied));
    assert_eq!(bucket.count("DELETE /bkt/packs/x?uploadId=u%2B1"), 1);
}

/// The answer to the first attempt to put the parts together is lost, the upload is over at the second.
#[test]
fn an_upload_in_parts_that_was_done_unheard_is_done() {
    let bytes: Vec<u8> = (0..multipart::LARGE).map(|at| (at >> 12) as u8).collect();
    let there = bytes.clone();
    let calls = counter();
    let bucket = Bucket::new(move |asked| match asked.line.as_str() {
        "POST /bkt/packs/x?uploads=" => ok("<R><UploadId>u</UploadId></R>"),
        "POST /bkt/packs/x?uploadId=u" => match calls() {
            0 => ok("<Error><Code>InternalError</Code></Error>"),
            1 => None,
            _ => error(404, "NoSuchUpload"),
        },
        "GET /bkt/packs/x" => ok(there.clone()),
        _ => tagged(&asked.body),
    });
    bucket.store().put("packs/x", &bytes).unwrap();
    assert_eq!(bucket.count("PUT"), 4);
    assert_eq!(bucket.count("POST /bkt/packs/x?uploadId=u"), 3);
    assert_eq!(bucket.count("DELETE"), 0);
}

#[test]
fn uploads_that_were_left_are_swept_by_their_age_and_below_the_prefix_alone() {
    let bucket = Bucket::new(|asked| {
        if asked.begins("DELETE") {
            return error(404, "NoSuchUpload");
        }
        let upload = |key: &str, id: &str, day: u32| {
            format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <Initiated>2026-01-0{day}T00:00:00.000Z</Initiated></Upload>"
            )
        };
        let (page, more) = match asked.line.contains("key-marker=a%20b") {
            false => (
                upload("pre/packs/1", "old", 1) + &upload("prefix/packs/2", "other", 1),
                "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
                 <NextKeyMarker>a+b</NextKeyMarker><NextUploadIdMarker>m</NextUploadIdMarker>",
            ),
            true => (
                upload("pre/packs/3", "new", 3) + &upload("pre/packs/1", "old2", 1),
                "",
            ),
        };
        ok(format!(
            "<ListMultipartUploadsResult>{more}{page}</ListMultipartUploadsResult>"
        ))
    });
    let store = S3Store::open(S3 {
        prefix: "pre".to_owned(),
        ..bucket.s3()
    })
    .unwrap();
    let before: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    store.sweep(before.as_second()).unwrap();
    assert_eq!(
        bucket.count("GET /bkt?encoding-type=url&max-uploads=1000&prefix=pre%2F&uploads="),
        1
    );
    assert_eq!(bucket.count("DELETE"), 2);
    for id in ["old", "old2"] {
        let line = format!("DELETE /bkt/pre/packs/1?uploadId={id}");
        assert!(bucket.asked.lock().unwrap().contains(&line));
    }
}

#[test]
fn a_listing_without_end_is_given_up() {
    let bucket = Bucket::new(|_| {
        ok("<ListBucketResult><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>t</NextContinuationToken></ListBucketResult>")
    });
    let kind = bucket.store().list("packs").map_err(|error| error.kind());
    assert_eq!(kind, Err(io::ErrorKind::InvalidData));
}

#[test]
fn ranges_that_the_storage_does_not_know_are_cut_here() {
    let bucket = Bucket::new(|_| ok("0123456789"));
    let store = bucket.store();
    assert_eq!(store.get_range("x", 3, 4).unwrap(), b"3456");
    assert_eq!(store.get_range("x", 30, 4).unwrap(), b"");
}

#[test]
fn a_lock_that_is_passed_over_is_an_error() {
    let bucket = Bucket::new(|asked| match asked.begins("HEAD") {
        true => status(200),
        false => {
            assert_eq!(asked.headers["x-amz-object-lock-mode"], "COMPLIANCE");
            tagged(&asked.body)
        }
    });
    let store = S3Store::open(S3 {
        object_lock: Some(ObjectLock {
            mode: LockMode::Compliance,
            days: 3,
        }),
        ..bucket.s3()
    })
    .unwrap();
    let said = store.put("keys/x", b"bytes").unwrap_err().to_string();
    assert!(
        said.starts_with("'keys/x' was stored and is not protected"),
        "{said}"
    );
}

#[test]
fn a_bucket_that_is_gone_is_no_object_that_is_missing() {
    let bucket = Bucket::new(|_| error(404, "NoSuchBucket"));
    let store = bucket.store();
    for kind in [
        store.get("x").map(drop),
        store.get_range("x", 0, 1).map(drop),
        store.list("packs").map(drop),
        store.delete("x"),
    ] {
        let kind = kind.map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::InvalidInput));
    }
}
