//! PostgreSQL, as its own user by the socket.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ce_tests::program::{Program, Said};
use ce_tests::wait;
use tempfile::TempDir;

use super::{backup, below, frames, is_root, names, record_of, seen_in_processes, zstdcat};

/// A server of its own, ended with the test.
struct Cluster {
    folder: TempDir,
    programs: PathBuf,
}

/// A name that is hard to quote: for a shell, for SQL, for libpq.
const ODD: &str = "my 'shop\"=`1 ß";

impl Cluster {
    fn start() -> Self {
        let programs = fs::read_dir("/usr/lib/postgresql")
            .expect("postgresql is installed")
            .map(|entry| entry.expect("an entry").path().join("bin"))
            .max()
            .expect("a version");
        let cluster = Cluster {
            folder: tempfile::tempdir().expect("a folder"),
            programs,
        };
        if is_root() {
            let owner = fs::metadata("/var/lib/postgresql").expect("its user's folder");
            std::os::unix::fs::chown(cluster.socket(), Some(owner.uid()), Some(owner.gid()))
                .expect("its owner");
        }
        let data = cluster.folder.path().join("data");
        let data = data.to_str().expect("text");
        cluster.own(
            "initdb",
            &[
                "-D",
                data,
                "-A",
                "peer",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "-U",
                "postgres",
            ],
        );
        let hba = "local all \"with password\" scram-sha-256\nlocal all all peer map=any\n";
        let at = |name: &str| Path::new(data).join(name);
        cluster.write(&at("pg_hba.conf"), hba);
        cluster.write(&at("pg_ident.conf"), "any /.* postgres\n");
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off",
            cluster.socket().display()
        );
        cluster.own(
            "pg_ctl",
            &[
                "-w",
                "-D",
                data,
                "-o",
                &options,
                "-l",
                &format!("{data}/log"),
                "start",
            ],
        );
        cluster
    }

    /// Writes a file that the server's user owns.
    fn write(&self, path: &Path, text: &str) {
        let owner = fs::metadata(path).expect("the file");
        fs::write(path, text).expect("written");
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).expect("its owner");
    }

    fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// One of the server's programs, as its user.
    fn own(&self, program: &str, args: &[&str]) -> String {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // pg_ctl leaves its output open to the server.
        let log = self.folder.path().join("said");
        let out = fs::File::create(&log).expect("a log");
        let status = command
            .args(args)
            .current_dir("/")
            .env("PGUSER", "postgres")
            .stdout(out.try_clone().expect("a log"))
            .stderr(out)
            .status()
            .expect("it runs");
        let said = fs::read_to_string(&log).expect("a log");
        assert!(status.success(), "{program} {args:?}: {said}");
        said
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        let name = database.replace('\\', "\\\\").replace('\'', "\\'");
        let to = format!("host={} dbname='{name}'", self.socket().display());
        self.own(
            "psql",
            &["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &to, "-c", sql],
        )
    }

    fn backup(&self, words: &[&str]) -> Program {
        let program = backup(words).arg("--socket").arg(self.socket());
        if is_root() {
            program
        } else {
            program.args(["--user", "postgres"])
        }
    }

    fn dump(&self, to: &Path, words: &[&str]) -> Said {
        self.backup(&["dump", "postgres"])
            .args(words)
            .arg("--to")
            .arg(to)
            .run()
    }

    fn restore(&self, dump: &Path, words: &[&str]) -> Said {
        self.backup(&["restore-db", "postgres"])
            .arg(dump)
            .args(words)
            .run()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        if let Some(pid) = pid.ok().as_ref().and_then(|text| text.lines().next()) {
            let _ = Command::new("kill").args(["-QUIT", pid]).status();
            let gone = || (!Path::new("/proc").join(pid).exists()).then_some(());
            wait::until("end of the server", Duration::from_secs(20), gone);
        }
    }
}

const CONTENT: &str = r#"
CREATE TABLE t(id serial PRIMARY KEY, a text DEFAULT E'it\'s;', b bytea, g int GENERATED ALWAYS AS (3 * 2) STORED);
INSERT INTO t(a, b) VALUES (E'x\ty\nz\\.', '\x00ff'), (NULL, ''), ('', '\\'), (E'\\.', NULL), ('😀', '\x5c2e');
INSERT INTO t(a, b) SELECT 'all bytes', decode(string_agg(lpad(to_hex(i), 2, '0'), ''), 'hex') FROM generate_series(0, 255) i;
INSERT INTO t(a) VALUES (repeat('long ', 2000000));
CREATE TABLE "T `x-ß"(id int GENERATED BY DEFAULT AS IDENTITY, t int REFERENCES t(id));
INSERT INTO "T `x-ß"(t) VALUES (1), (2);
CREATE TABLE empty(a int);
CREATE TABLE sessions(a int); INSERT INTO sessions VALUES (1);
CREATE SCHEMA other; CREATE TABLE other.t(x text); INSERT INTO other.t VALUES ('COPY t FROM stdin;');
CREATE TABLE parent(k int, v text) PARTITION BY LIST (k); CREATE TABLE child PARTITION OF parent FOR VALUES IN (1);
INSERT INTO parent VALUES (1, 'in the child');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT ';''
-- PostgreSQL database dump complete
' $_$;
CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := 'by trigger;'; RETURN NEW; END $$;
CREATE TRIGGER trg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg();
CREATE VIEW v AS SELECT id FROM t; CREATE INDEX ti ON t(id, g); CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM t;
ALTER TABLE t OWNER TO ann; GRANT SELECT ON t TO ann; COMMENT ON TABLE t IS 'COPY t FROM stdin;';
"#;

#[test]
fn a_cluster_comes_back_as_it_was() {
    let (one, two) = (Cluster::start(), Cluster::start());
    let quoted = format!("\"{}\"", ODD.replace('"', "\"\""));
    one.sql("postgres", "CREATE ROLE ann");
    one.sql("postgres", &format!("CREATE DATABASE {quoted} OWNER ann"));
    one.sql(
        "postgres",
        &format!("ALTER DATABASE {quoted} SET work_mem = '8MB'"),
    );
    one.sql(
        "postgres",
        &format!("COMMENT ON DATABASE {quoted} IS 'it''s'"),
    );
    one.sql(ODD, CONTENT);
    one.sql("postgres", "CREATE DATABASE nothing");
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    let said = one.dump(&first, &["--all"]);
    assert_eq!(said.code, 0, "{said:?}");
    let file = "my%20%27shop%22%3D%601%20ß.sql.zst";
    assert_eq!(
        names(&first),
        [
            "@accounts.sql.zst",
            file,
            "nothing.sql.zst",
            "postgres.sql.zst"
        ]
    );
    assert!(
        String::from_utf8_lossy(&zstdcat(&first.join("@accounts.sql.zst")))
            .contains("CREATE ROLE ann;")
    );
    let dump = first.join(file);
    let tables = record_of(&said, ODD)["data"]["tables"].clone();
    assert_eq!(tables["public.t"]["rows"], 7);
    assert_eq!(tables["public.child"]["rows"], 1);

    // Who owns it must be there first, and nothing is left of an attempt without.
    let said = two.restore(&dump, &["--database", ODD]);
    assert!(
        said.code == 2 && said.stderr.contains("role \"ann\" does not exist"),
        "{said:?}"
    );
    assert!(said.stderr.contains("@accounts"), "{said:?}");
    assert_eq!(
        two.sql("postgres", "SELECT count(*) FROM pg_database"),
        "3\n"
    );
    two.sql("postgres", "CREATE ROLE ann");
    let said = two.restore(&dump, &["--database", ODD]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = two.dump(&second, &["--database", ODD]);
    assert_eq!(record_of(&said, ODD)["data"]["tables"], tables);
    let settings = "SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database'), \
        (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = oid) FROM pg_database WHERE datname LIKE 'my %'";
    assert_eq!(two.sql("postgres", settings), one.sql("postgres", settings));
    let objects = "SELECT relkind, count(*) FROM pg_class WHERE relnamespace >= 16384 OR relnamespace = 2200 GROUP BY 1 ORDER BY 1; \
        SELECT count(*) FROM pg_trigger; SELECT count(*) FROM pg_proc WHERE pronamespace = 2200; \
        SELECT nextval('t_id_seq')";
    assert_eq!(two.sql(ODD, objects), one.sql(ODD, objects));
    assert_eq!(
        two.restore(&first.join("nothing.sql.zst"), &["--database", "nothing"])
            .code,
        0
    );
    assert_eq!(
        two.sql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname = 'nothing'"
        ),
        "1\n"
    );

    // Over it, into another, and what a wrong name says.
    two.sql(ODD, "DELETE FROM \"T `x-ß\"; CREATE TABLE later(a int)");
    let said = two.restore(&dump, &["--database", ODD]);
    assert!(
        said.code == 3 && said.stderr.contains("--force"),
        "{said:?}"
    );
    assert_eq!(two.restore(&dump, &["--database", ODD, "--force"]).code, 0);
    assert_eq!(
        record_of(&two.dump(&second, &["--database", ODD]), ODD)["data"]["tables"],
        tables
    );
    assert_eq!(
        two.restore(&dump, &["--database", ODD, "--into", "o\"ther"])
            .code,
        0
    );
    let said = two.dump(&second, &["--database", "o\"ther"]);
    assert_eq!(record_of(&said, "o\"ther")["data"]["tables"], tables);
    let said = two.restore(&dump, &["--database", "wrong"]);
    assert!(
        said.code == 3 && said.stderr.contains("no database 'wrong'"),
        "{said:?}"
    );

    // One table: its rows over those that are there, all of it where it is missing.
    let table = |more: &[&str]| {
        let words = [&["--database", ODD], more].concat();
        two.restore(&dump, &words)
    };
    let ambiguous = table(&["--table", "t", "--force"]);
    assert!(
        ambiguous.code == 3 && ambiguous.stderr.contains("other.t, public.t"),
        "{ambiguous:?}"
    );
    assert_eq!(two.sql(ODD, "SELECT count(*) FROM t"), "7\n");
    two.sql(ODD, "ALTER TABLE t DISABLE TRIGGER trg; UPDATE t SET a = 'changed'; INSERT INTO t(a) VALUES ('more')");
    assert_eq!(table(&["--table", "public.t"]).code, 3);
    let said = table(&["--table", "public.t", "--force"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        record_of(&two.dump(&second, &["--database", ODD]), ODD)["data"]["tables"],
        tables
    );
    let said = table(&["--table", "empty", "--into", "fresh"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        table(&["--table", "other.t", "--into", "fresh"]).code,
        2,
        "its schema is not there"
    );
    assert_eq!(
        table(&["--table", "T `x-ß", "--into", "fresh"]).code,
        2,
        "what it refers to is not there"
    );
    two.sql(
        "fresh",
        "CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    );
    let said = table(&["--table", "public.t", "--into", "fresh"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(table(&["--table", "T `x-ß", "--into", "fresh"]).code, 0);
    let have = "SELECT count(*), count(g) FROM t; SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass; \
        SELECT count(*) FROM pg_trigger WHERE tgname = 'trg'; SELECT nextval('t_id_seq') > 7; SELECT count(*) FROM \"T `x-ß\"";
    assert_eq!(two.sql("fresh", have), "7|7\n2\n1\nt\n2\n");

    // The dump as psql reads it, and nothing that runs a command.
    let mut text = zstdcat(&dump);
    assert!(text.starts_with(b"--\n-- PostgreSQL database dump"));
    let said = two
        .backup(&[
            "restore-db",
            "postgres",
            "-",
            "--database",
            ODD,
            "--into",
            "piped",
        ])
        .stdin(text.clone())
        .run();
    assert_eq!(said.code, 0, "{said:?}");
    text.extend_from_slice(b"\n\\! touch /tmp/ce-test-owned\n");
    let said = two
        .backup(&[
            "restore-db",
            "postgres",
            "-",
            "--database",
            ODD,
            "--into",
            "evil",
        ])
        .stdin(text.clone())
        .run();
    assert!(
        said.code == 3 && said.stderr.contains("command for psql"),
        "{said:?}"
    );
    text.truncate(text.len() / 2);
    let said = two
        .backup(&[
            "restore-db",
            "postgres",
            "-",
            "--database",
            ODD,
            "--into",
            "half",
        ])
        .stdin(text)
        .run();
    assert_ne!(said.code, 0, "{said:?}");
    assert_eq!(
        two.sql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname IN ('evil', 'half')"
        ),
        "0\n"
    );
}

#[test]
fn choices_are_followed_and_a_failure_leaves_what_was_there() {
    let server = Cluster::start();
    server.sql("postgres", "CREATE DATABASE site");
    server.sql("site", "CREATE TABLE node(id int, body text); INSERT INTO node SELECT i, md5(i::text) FROM generate_series(1, 60000) i; \
        CREATE TABLE cache_page(x text); INSERT INTO cache_page VALUES ('x'); CREATE TABLE tmp_1(x int); \
        CREATE TABLE cached_prices(x int); INSERT INTO cached_prices VALUES (1)");
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path();
    let words = [
        "--database",
        "site",
        "--preset",
        "drupal",
        "--exclude-table",
        "tmp_*",
    ];
    let said = server.dump(to, &words);
    assert_eq!(said.code, 0, "{said:?}");
    let tables = record_of(&said, "site")["data"]["tables"].clone();
    assert_eq!(tables["public.cache_page"]["rows"], 0);
    assert_eq!(tables["public.cached_prices"]["rows"], 1);
    assert!(tables["public.tmp_1"].is_null());

    // Some rows at the end and in one place: most frames stay as they were.
    let before = frames(&to.join("site.sql.zst"));
    server.sql(
        "site",
        "INSERT INTO node SELECT i, md5(i::text) FROM generate_series(60001, 60300) i",
    );
    assert_eq!(server.dump(to, &words).code, 0);
    let after = frames(&to.join("site.sql.zst"));
    let same = after.iter().filter(|frame| before.contains(frame)).count();
    assert!(
        after.len() > 8 && same + 4 >= after.len(),
        "{same} of {}",
        after.len()
    );

    let kept = fs::read(to.join("site.sql.zst")).expect("a dump");
    let said = server.dump(
        to,
        &[
            "--database",
            "site",
            "--database",
            "none",
            "--database",
            "postgres",
        ],
    );
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(record_of(&said, "none")["state"], "critical");
    assert_eq!(record_of(&said, "postgres")["state"], "ok");
    let pid = fs::read_to_string(server.folder.path().join("data/postmaster.pid")).expect("a pid");
    let fresh = fs::read(to.join("site.sql.zst")).expect("a dump");
    assert_ne!(fresh, kept, "all of it this time");
    let _ = Command::new("kill")
        .args(["-QUIT", pid.lines().next().expect("a pid")])
        .status();
    let said = wait::until("failure", Duration::from_secs(20), || {
        let said = server.dump(to, &["--database", "site"]);
        (said.code != 0).then_some(said)
    });
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stdout.contains("\"connect\""), "{said:?}");
    assert_eq!(
        names(to)
            .iter()
            .filter(|name| name.ends_with(".tmp"))
            .count(),
        0
    );
}

#[test]
fn a_password_is_seen_by_nobody() {
    let server = Cluster::start();
    let secret = "s3cret-Vb6x-postgres";
    server.sql(
        "postgres",
        &format!("CREATE ROLE \"with password\" SUPERUSER LOGIN PASSWORD '{secret}'"),
    );
    server.sql("postgres", "CREATE DATABASE site");
    server.sql(
        "site",
        "CREATE TABLE t AS SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i",
    );
    let file = server.folder.path().join("pass");
    fs::write(&file, format!("*:*:*:with password:{secret}\n")).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("its mode");
    let program = || {
        backup(&[
            "dump",
            "postgres",
            "--database",
            "site",
            "--credentials-file",
        ])
        .arg(&file)
        .arg("--socket")
        .arg(server.socket())
    };
    let said = program().run();
    assert!(
        said.code == 3 && said.stderr.contains("chmod 600"),
        "{said:?}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    // Nobody reads what it writes, so that it stands still in the middle.
    let child = program().spawn();
    wait::until("pg_dump", Duration::from_secs(30), || {
        below(child.id())
            .iter()
            .any(|name| name.contains("pg_dump"))
            .then_some(())
    });
    assert_eq!(seen_in_processes(secret), Vec::<PathBuf>::new());
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("PostgreSQL database dump complete"));
    assert!(output.stdout.len() > 20_000_000);
}
