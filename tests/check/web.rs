//! http and tls against a real nginx with certificates of an authority of our own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ce_tests::authority::Authority;
use ce_tests::program::{Program, Said, binary};
use ce_tests::server::{Server, free_port};
use tempfile::TempDir;

use crate::schema::assert_valid;

struct Web {
    folder: TempDir,
    port: String,
    tls_port: String,
    authority: Authority,
    _server: Server,
}

/// nginx with a site in plain text, and five names over TLS told apart by SNI.
fn start() -> Web {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new(folder.path());
    let (port, tls_port) = (free_port(), free_port());
    let mut servers = String::new();
    for (name, host, until) in [
        ("good.test", "good.test", 60),
        ("soon.test", "soon.test", 10),
        ("expired.test", "expired.test", -5),
        ("wrong.test", "other.test", 60),
    ] {
        let issued = authority.issue(host, -30, until);
        servers.push_str(&format!(
            "server {{ listen 127.0.0.1:{tls_port} ssl; server_name {name}; ssl_certificate {}; ssl_certificate_key {}; \
             location / {{ return 200 \"this is {name}\\n\"; }} }}\n",
            issued.cert.display(),
            issued.key.display()
        ));
    }
    let at = folder.path().display();
    std::fs::write(folder.path().join("page"), "let in\n").expect("a file");
    std::fs::write(folder.path().join("users"), "ce:{PLAIN}secret\n").expect("a file");
    let conf = format!(
        "daemon off; pid {at}/pid; error_log {at}/error.log; worker_processes 1; events {{ worker_connections 256; }}\n\
         http {{ access_log off; default_type text/plain; client_body_temp_path {at}/b; proxy_temp_path {at}/p; \
         fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         server {{ listen 127.0.0.1:{port} default_server; server_name plain.test; absolute_redirect off;\n\
           add_header X-Drupal-Cache HIT;\n\
           location / {{ return 200 \"Welcome to the site\\nstatus: fine\\n\"; }}\n\
           location /json {{ return 200 '{{\"queue\":{{\"depth\":7}},\"ok\":true}}'; }}\n\
           location /moved {{ return 302 /json; }}\n\
           location /loop {{ return 302 /loop; }}\n\
           location /missing {{ return 404; }}\n\
           location /broken {{ return 500; }}\n\
           location /private {{ auth_basic x; auth_basic_user_file {at}/users; root {at}; try_files /page =404; }}\n\
           location /echo {{ if ($request_method = PURGE) {{ return 204; }} return 405; }}\n\
         }}\n{servers} }}\n"
    );
    std::fs::write(folder.path().join("nginx.conf"), conf).expect("a file");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(folder.path().join("nginx.conf"));
    let server = Server::start(&mut command, &folder.path().join("log"))
        .listening(port)
        .listening(tls_port);
    Web {
        folder,
        port: port.to_string(),
        tls_port: tls_port.to_string(),
        authority,
        _server: server,
    }
}

impl Web {
    fn http(&self, args: &[&str]) -> Said {
        let said = Program::check()
            .args([
                "http",
                "-H",
                "plain.test",
                "-I",
                "127.0.0.1",
                "-p",
                &self.port,
            ])
            .args(args)
            .run();
        if !said.stdout.is_empty() {
            assert_valid(&said);
        }
        said
    }

    fn secure(&self, check: &str, name: &str, args: &[&str]) -> Said {
        let said = Program::check()
            .args([
                check,
                "-H",
                name,
                "-I",
                "127.0.0.1",
                "-p",
                &self.tls_port,
                "--roots",
            ])
            .arg(self.authority.roots())
            .args(if check == "http" { &["--ssl"][..] } else { &[] })
            .args(args)
            .run();
        assert_valid(&said);
        said
    }
}

fn summary(said: &Said) -> String {
    said.record()["summary"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn http_judges_status_content_headers_json_size_and_redirects() {
    let web = start();
    for (args, code) in [
        (&["-s", "Welcome"][..], 0),
        (&["-s", "Goodbye"], 2),
        (&["-r", "^status: (fine|good)$"], 0),
        (&["-R", "WELCOME", "-r", "fine"], 0),
        (&["-r", "fine", "-r", "absent"], 2),
        (&["-r", "absent", "-r", "fine", "--any"], 0),
        (&["--not-regex", "unexpected error"], 0),
        (&["--not-regex", "Welcome"], 2),
        (&["-u", "/missing"], 1),
        (&["-u", "/broken"], 2),
        (&["-u", "/missing", "-e", "404"], 0),
        (&["-u", "/missing", "-e", "2xx,404-410"], 0),
        (&["-e", "3xx"], 2),
        (&["-d", "X-Drupal-Cache: HIT"], 0),
        (&["-d", "X-Drupal-Cache: MISS"], 2),
        (&["-u", "/json", "--json-pointer", "/queue/depth=0:10"], 0),
        (&["-u", "/json", "--json-pointer", "/queue/depth=0:5"], 2),
        (&["-u", "/json", "--json-pointer", "/none=1"], 2),
        (&["-m", "10:1000"], 0),
        (&["-m", "1000:"], 1),
        (&["-u", "/moved"], 0),
        (&["-u", "/moved", "-f", "warning"], 1),
        (
            &["-u", "/moved", "-f", "follow", "--json-pointer", "/ok=true"],
            0,
        ),
        (
            &["-u", "/moved", "-f", "follow", "--final-url", "/json$"],
            0,
        ),
        (&["-u", "/loop", "-f", "follow"], 2),
        (&["-u", "/private"], 1),
        (&["-j", "PURGE", "-u", "/echo"], 0),
        (&["-w", "0.000001"], 1),
        (&["-c", "0.000001"], 2),
    ] {
        let said = web.http(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
    }
    let said = web.http(&["-u", "/moved", "-f", "follow"]);
    let record = said.record();
    assert_eq!(
        (&record["host"], &record["from"]),
        (&"127.0.0.1".into(), &"testhost".into())
    );
    let names: Vec<&str> = record["metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["name"].as_str())
        .collect();
    for name in ["time", "time_connect", "time_first_byte", "size"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn certificates_are_verified_by_name_chosen_by_sni_and_dated_even_when_expired() {
    let web = start();
    for (name, code, words) in [
        ("good.test", 0, ""),
        ("expired.test", 2, "expired"),
        ("wrong.test", 2, "other.test"),
    ] {
        for check in ["http", "tls"] {
            let said = web.secure(check, name, &[]);
            assert_eq!(said.code, code, "{check} {name}: {said:?}");
            assert!(summary(&said).contains(words), "{check} {name}: {said:?}");
        }
    }
    let left = |said: &Said| {
        let record = said.record();
        let metrics = record["metrics"].as_array().cloned().unwrap_or_default();
        metrics
            .iter()
            .find(|metric| metric["name"] == "certificate_left")
            .and_then(|metric| metric["value"].as_i64())
    };
    assert_eq!(
        left(&web.secure("tls", "expired.test", &[])).map(|left| left / 86_400),
        Some(-4)
    );
    assert_eq!(
        left(&web.secure("tls", "good.test", &[])).map(|left| left / 86_400),
        Some(60)
    );
    for (check, args, code) in [
        ("http", &["-C", "30,5"][..], 1),
        ("http", &["-C", "30,15"], 2),
        ("http", &["-C", "5,1"], 0),
        ("tls", &["-w", "30:", "-c", "5:"], 1),
        ("tls", &["-w", "30:", "-c", "15:"], 2),
        ("tls", &["-w", "5:", "-c", "1:"], 0),
    ] {
        assert_eq!(
            web.secure(check, "soon.test", args).code,
            code,
            "{check} {args:?}"
        );
    }
    // An authority that this machine does not know.
    let said = Program::check()
        .args([
            "tls",
            "-H",
            "good.test",
            "-I",
            "127.0.0.1",
            "-p",
            &web.tls_port,
        ])
        .run();
    assert_eq!(
        (said.code, said.record()["cause"].as_str()),
        (2, Some("tls")),
        "{said:?}"
    );
    // TLS where there is none.
    let said = Program::check()
        .args(["tls", "-H", "good.test", "-I", "127.0.0.1", "-p", &web.port])
        .run();
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn check_http_and_check_curl_end_as_the_plugin_does() {
    let web = start();
    let link = |name: &str| {
        let link = web.folder.path().join(name);
        symlink(binary("ce-check"), &link).expect("a link");
        link
    };
    let (http, curl) = (link("check_http"), link("check_curl"));
    let theirs = Path::new("/usr/lib/nagios/plugins/check_http");
    for args in [
        &[][..],
        &["-s", "Welcome"],
        &["-s", "Goodbye"],
        &["-u", "/missing"],
        &["-u", "/broken"],
        &["-u", "/missing", "-e", "404"],
        &["-e", "200"],
        &["-u", "/moved", "-f", "ok"],
        &["-u", "/moved", "-f", "warning"],
        &["-u", "/moved", "-f", "critical"],
        &["-u", "/moved", "-f", "follow"],
        &["-u", "/loop", "-f", "follow"],
        &["-r", "fine"],
        &["-R", "WELCOME"],
        &["-r", "absent"],
        &["-r", "Welcome", "--invert-regex"],
        &["-m", "10:1000"],
        &["-m", "1000:2000"],
        &["-d", "X-Drupal-Cache: HIT"],
        &["-k", "X-Test: 1"],
        &["-A", "agent/1"],
        &["-j", "PURGE", "-u", "/echo"],
        &["-w", "5", "-c", "9"],
        &["-w", "0.0000001", "-c", "9"],
        &["-N"],
        &["-t", "5"],
    ] {
        let base = ["-H", "127.0.0.1", "-p", &web.port];
        let plugin = Program::at(theirs).args(base).args(args).run();
        for link in [&http, &curl] {
            let ours = Program::at(link)
                .state(web.folder.path())
                .args(base)
                .args(args)
                .run();
            assert_eq!(ours.code, plugin.code, "{args:?}\n{ours:?}\n{plugin:?}");
            let word = |said: &Said| {
                said.stdout
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            assert_eq!(word(&ours), "HTTP", "{ours:?}");
            if plugin.stdout.contains("|time=") {
                assert!(
                    ours.stdout.contains("time=") && ours.stdout.contains(" size="),
                    "{ours:?}"
                );
            }
        }
    }
}

/// A server that answers every connection with these bytes, then with zeros for as long as somebody reads.
fn answering(head: &'static [u8], endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(head);
                let zeros = vec![b'0'; 1 << 16];
                while endless && stream.write_all(&zeros).is_ok() {}
            });
        }
    });
    port
}

#[test]
fn a_body_of_ten_gigabytes_is_not_read_to_its_end() {
    let port = answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n",
        true,
    );
    let said = Program::check()
        .args(["http", "-H", "127.0.0.1", "-p", &port])
        .run();
    assert!(said.took < Duration::from_secs(5), "{said:?}");
    assert_valid(&said);
    let text = format!("{}{:?}", summary(&said), said.record()["detail"]);
    assert!(
        text.contains("MiB") || text.contains("larger") || text.contains("more than"),
        "{said:?}"
    );
}

#[test]
fn what_a_server_says_steers_no_terminal() {
    let port = answering(
        b"HTTP/1.1 500 \x1b[31mOops|\x07\r\nServer: a\x1b]0;title\x07\r\n\r\n\x1b[2Jbody|x",
        false,
    );
    for format in ["json", "text", "nagios"] {
        let said = Program::check()
            .args([
                "http",
                "-H",
                "127.0.0.1",
                "-p",
                &port,
                "-v",
                "--format",
                format,
            ])
            .run();
        assert_eq!(said.code, 2, "{said:?}");
        assert!(
            !said.stdout.contains(['\x1b', '\x07']),
            "{format}: {said:?}"
        );
        let bars = said.stdout.matches('|').count();
        assert!(
            bars <= usize::from(format == "nagios"),
            "{format}: {said:?}"
        );
    }
}

#[test]
fn a_password_comes_from_a_file_that_only_its_owner_reads() {
    let web = start();
    let file = web.folder.path().join("auth");
    std::fs::write(&file, "ce:secret\n").expect("a file");
    let path = file.to_str().expect("UTF-8");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let said = web.http(&["-u", "/private", "--auth-file", path]);
    assert_eq!(said.code, 3, "{said:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let said = web.http(&["-u", "/private", "--auth-file", path]);
    assert_eq!(
        (said.code, &said.record()["data"]["status"]),
        (0, &200.into()),
        "{said:?}"
    );
    assert!(
        !format!("{}{}", said.stdout, said.stderr).contains("secret"),
        "{said:?}"
    );
}
