//! MariaDB, by its socket. MySQL itself is in no repository of Debian's; what is done for it is tested in its module.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ce_tests::program::{Program, Said};
use ce_tests::server::Server;
use ce_tests::wait;
use tempfile::TempDir;

use super::{backup, below, frames, names, record_of, seen_in_processes, zstdcat};

/// A server of its own, ended with the test.
struct Mariadb {
    server: Server,
    folder: TempDir,
}

static INSTALLING: Mutex<()> = Mutex::new(());

/// A name that is hard to quote.
const ODD: &str = "we`ird -größe.1";

impl Mariadb {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let user = Command::new("id").arg("-un").output().expect("id").stdout;
        let user = String::from_utf8_lossy(&user).trim().to_owned();
        let data = folder.path().join("data");
        // Several at once run out of what the kernel grants for asynchronous I/O.
        let alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let done = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--skip-test-db",
                "--auth-root-authentication-method=socket",
            ])
            .arg(format!("--auth-root-socket-user={user}"))
            .arg(format!("--user={user}"))
            .arg(format!("--datadir={}", data.display()))
            .output()
            .expect("mariadb-install-db");
        drop(alone);
        assert!(done.status.success(), "{done:?}");
        let socket = folder.path().join("socket");
        let server = Server::start(
            Command::new("mariadbd")
                .args([
                    "--no-defaults",
                    "--skip-networking",
                    "--max-allowed-packet=128M",
                ])
                .args([
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-log-file-size=128M",
                    "--innodb-use-native-aio=0",
                    "--innodb-buffer-pool-size=64M",
                ])
                .arg(format!("--user={user}"))
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--socket={}", socket.display()))
                .arg(format!(
                    "--pid-file={}",
                    folder.path().join("pid").display()
                )),
            &folder.path().join("log"),
        );
        let mariadb = Mariadb { server, folder };
        wait::until("answer of mariadbd", Duration::from_secs(30), || {
            mariadb
                .client("", "SELECT 1")
                .status()
                .is_ok_and(|status| status.success())
                .then_some(())
        });
        mariadb
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new("mariadb");
        command
            .arg("--no-defaults")
            .arg(format!("--socket={}", self.socket().display()))
            .args([
                "--batch",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
                "--max-allowed-packet=128M",
            ])
            .arg(format!("--database={database}"))
            .arg(format!("--execute={sql}"))
            .stderr(std::process::Stdio::null());
        command
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        let done = self
            .client(database, sql)
            .stderr(std::process::Stdio::piped())
            .output()
            .expect("mariadb");
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn backup(&self, words: &[&str]) -> Program {
        // First the socket, for a word of the test's may wait for its value.
        backup(&words[..2])
            .arg("--socket")
            .arg(self.socket())
            .args(&words[2..])
    }

    fn dump(&self, to: &Path, words: &[&str]) -> Said {
        self.backup(&["dump", "mysql"])
            .args(words)
            .arg("--to")
            .arg(to)
            .run()
    }

    fn restore(&self, dump: &Path, words: &[&str]) -> Said {
        self.backup(&["restore-db", "mysql"])
            .arg(dump)
            .args(words)
            .run()
    }
}

const CONTENT: &str = r#"
CREATE TABLE t(id INT PRIMARY KEY, s TEXT, b BLOB, g INT AS (id * 2) VIRTUAL, p INT AS (id * 3) PERSISTENT, n VARCHAR(10)) CHARACTER SET utf8mb4;
INSERT INTO t(id, s, b, n) VALUES (1, 'it''s "quoted" \\ and\nbroken\r\n\t\0\Z', X'00FF27225C0A', NULL), (2, '😀 𝔘𝔫𝔦', '', ''),
  (3, '-- Dump completed', NULL, 'NULL'), (4, '),(5,''x'');\n-- Table structure for table `x`\n', 'a', '''');
INSERT INTO t(id, b) SELECT 5, UNHEX(GROUP_CONCAT(LPAD(HEX(seq), 2, '0') ORDER BY seq SEPARATOR '')) FROM seq_0_to_255;
INSERT INTO t(id, s) VALUES (6, REPEAT('long;''', 10));
CREATE TABLE wide(id INT PRIMARY KEY, l LONGTEXT); INSERT INTO wide VALUES (1, REPEAT('long;''\\', 5000000));
CREATE TABLE `ta ble``x-ß.y`(`co``l` INT, `sp ace` INT); INSERT INTO `ta ble``x-ß.y` VALUES (1, NULL), (NULL, 2), (1, NULL);
CREATE TABLE nothing(a INT);
SET sql_mode = '';
CREATE TABLE zero(d DATE DEFAULT '0000-00-00', ts TIMESTAMP NULL, dt DATETIME(6)); INSERT INTO zero VALUES ('0000-00-00', '2020-02-30 00:00:00', '2020-00-00 00:00:00.123456');
SET sql_mode = DEFAULT;
CREATE TABLE floats(f FLOAT, d DOUBLE, e DECIMAL(30, 10), j JSON, bits BIT(9)); INSERT INTO floats VALUES (0.1, 1e300, -1.5, '{"a": "\\"b"}', b'101010101');
CREATE TABLE latin(a VARCHAR(10) CHARACTER SET latin1); INSERT INTO latin VALUES ('größe');
CREATE TABLE isam(x INT) ENGINE=MyISAM; INSERT INTO isam VALUES (1), (2);
CREATE TABLE aria(x INT) ENGINE=Aria; INSERT INTO aria VALUES (3);
CREATE TABLE versions(x INT) WITH SYSTEM VERSIONING; INSERT INTO versions VALUES (1); UPDATE versions SET x = 2; DELETE FROM versions;
CREATE SEQUENCE numbers START WITH 7; SELECT NEXTVAL(numbers);
CREATE VIEW v AS SELECT id, s FROM t;
CREATE DEFINER=`gone`@`%` SQL SECURITY DEFINER VIEW of_gone AS SELECT 1 AS one;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 'x;y';
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE FUNCTION fn() RETURNS TEXT DETERMINISTIC RETURN 'a;b';
CREATE TABLE parent(id INT PRIMARY KEY); CREATE TABLE achild(p INT, FOREIGN KEY (p) REFERENCES parent(id));
INSERT INTO parent VALUES (1); INSERT INTO achild VALUES (1);
"#;

/// With line ends and comments in it that the client leaves alone.
const PROCEDURE: &str =
    "CREATE PROCEDURE pr() BEGIN SELECT 'x''y;'; /* it's; */ INSERT INTO nothing VALUES (1); END";

/// Objects of a database, as one text.
const OBJECTS: &str = "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1; \
    SELECT TRIGGER_NAME, ACTION_STATEMENT, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE(); \
    SELECT ROUTINE_NAME, ROUTINE_DEFINITION, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1; \
    SELECT EVENT_NAME, EVENT_DEFINITION, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE(); \
    SELECT TABLE_NAME, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1; \
    SELECT COLUMN_NAME, COLUMN_TYPE, IFNULL(COLUMN_DEFAULT, '-'), IFNULL(GENERATION_EXPRESSION, '-') FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION; \
    SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE(); \
    SELECT HEX(s), HEX(b), g, p, n FROM t ORDER BY id; SELECT * FROM zero; SELECT NEXTVAL(numbers) > 7";

#[test]
fn a_server_comes_back_as_it_was() {
    let (one, two) = (Mariadb::start(), Mariadb::start());
    let quoted = format!("`{}`", ODD.replace('`', "``"));
    one.sql("", &format!("CREATE USER gone@'%'; CREATE DATABASE {quoted} CHARACTER SET latin2; CREATE DATABASE empty"));
    one.sql(ODD, CONTENT);
    one.sql(ODD, &format!("DELIMITER //\n{PROCEDURE}//"));
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    let said = one.dump(&first, &["--all"]);
    assert_eq!(said.code, 0, "{said:?}");
    let file = "we%60ird%20-größe.1.sql.zst";
    assert_eq!(names(&first), ["@accounts.sql.zst", "empty.sql.zst", file]);
    let accounts = String::from_utf8_lossy(&zstdcat(&first.join("@accounts.sql.zst"))).into_owned();
    assert!(
        accounts.contains("CREATE USER `gone`@`%`") && accounts.contains("GRANT "),
        "{accounts}"
    );
    let dump = first.join(file);
    let record = record_of(&said, ODD);
    let tables = record["data"]["tables"].clone();
    for (table, rows) in [
        ("t", 6),
        ("wide", 1),
        ("ta ble`x-ß.y", 3),
        ("nothing", 0),
        ("versions", 2),
        ("isam", 2),
    ] {
        assert_eq!(tables[table]["rows"], rows, "{table}");
    }

    let said = two.restore(&dump, &["--database", ODD]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stdout.contains("accounts that do not exist: 'gone@%'"),
        "{said:?}"
    );
    two.sql("", "CREATE USER gone@'%'");
    let said = two.dump(&second, &["--database", ODD]);
    assert_eq!(record_of(&said, ODD)["data"]["tables"], tables);
    assert_eq!(two.sql(ODD, OBJECTS), one.sql(ODD, OBJECTS));
    assert_eq!(
        two.restore(&first.join("empty.sql.zst"), &["--database", "empty"])
            .code,
        0
    );
    assert!(two.sql("", "SHOW DATABASES").contains("empty\n"));

    // Over it, into another, and what wrong names say.
    let said = two.restore(&dump, &["--database", ODD]);
    assert!(
        said.code == 3 && said.stderr.contains("--force"),
        "{said:?}"
    );
    two.sql(
        ODD,
        "DELETE FROM t; DROP TABLE isam; CREATE TABLE later(a INT)",
    );
    let said = two.restore(&dump, &["--database", ODD, "--force"]);
    assert!(
        said.code == 1 && said.stdout.contains("not in the dump: 'later'"),
        "{said:?}"
    );
    two.sql(ODD, "DROP TABLE later");
    assert_eq!(
        record_of(&two.dump(&second, &["--database", ODD]), ODD)["data"]["tables"],
        tables
    );
    let said = two.restore(&dump, &["--database", ODD, "--into", "o`ther"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = two.dump(&second, &["--database", "o`ther"]);
    assert_eq!(record_of(&said, "o`ther")["data"]["tables"], tables);
    let said = two.restore(&dump, &["--database", "wrong"]);
    assert!(
        said.code == 3 && said.stderr.contains("no database 'wrong'"),
        "{said:?}"
    );
    assert!(!two.sql("", "SHOW DATABASES").contains("wrong"));

    // One table.
    let table = |more: &[&str]| two.restore(&dump, &[&["--database", ODD], more].concat());
    two.sql(
        ODD,
        "UPDATE `ta ble``x-ß.y` SET `co``l` = 9; DELETE FROM t WHERE id > 2",
    );
    assert_eq!(table(&["--table", "t"]).code, 3);
    let said = table(&["--table", "t", "--force"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        two.sql(
            ODD,
            "SELECT COUNT(*), (SELECT MIN(`co``l`) FROM `ta ble``x-ß.y`) FROM t"
        ),
        "6\t9\n"
    );
    assert_eq!(table(&["--table", "ta ble`x-ß.y", "--force"]).code, 0);
    assert_eq!(two.sql(ODD, OBJECTS), one.sql(ODD, OBJECTS));
    assert_eq!(table(&["--table", "achild", "--into", "fresh"]).code, 0);
    assert_eq!(two.sql("fresh", "SHOW TABLES"), "achild\n");
    let said = table(&["--table", "none"]);
    assert!(
        said.code == 3 && said.stderr.contains("no table 'none'"),
        "{said:?}"
    );

    // Uncompressed by standard input, and what only looks like SQL.
    let text = String::from_utf8(zstdcat(&dump)).expect("text");
    assert!(text.contains("enable the sandbox mode"));
    let piped = |text: &str, into: &str| {
        two.backup(&[
            "restore-db",
            "mysql",
            "-",
            "--database",
            ODD,
            "--into",
            into,
        ])
        .stdin(text)
        .run()
    };
    assert_eq!(piped(&text, "piped").code, 0);
    let owned = folder.path().join("owned");
    let evil = format!("\\! touch {0}\nsystem touch {0}\n{text}", owned.display());
    let said = piped(&evil, "evil");
    assert!(said.code == 2 && !owned.exists(), "{said:?}");
    let half = text.replace("\n-- Dump completed\n", "\n");
    let said = piped(&half, "half");
    assert!(
        said.code == 2 && said.stderr.contains("not whole"),
        "{said:?}"
    );
    let fewer = text.replace(
        "INSERT INTO `parent` VALUES\n(1);",
        "INSERT IGNORE INTO `parent` VALUES (1),(2);\n",
    );
    let said = piped(&fewer, "fewer");
    assert!(
        said.code == 2 && said.stderr.contains("'parent' has 2 rows, the dump 0"),
        "{said:?}"
    );
}

#[test]
fn nights_share_their_frames_and_choices_are_followed() {
    let server = Mariadb::start();
    server.sql("", "CREATE DATABASE site");
    server.sql("site", "CREATE TABLE node(id INT PRIMARY KEY, body TEXT); INSERT INTO node SELECT seq, CONCAT(MD5(seq), SHA1(seq)) FROM seq_1_to_40000; \
        CREATE TABLE cache_page(x TEXT); INSERT INTO cache_page VALUES ('x'); CREATE TABLE tmp_1(x INT); \
        CREATE TABLE cached_prices(x INT); INSERT INTO cached_prices VALUES (1); CREATE VIEW v AS SELECT x FROM cache_page; \
        CREATE TABLE watchdog(x INT) ENGINE=MyISAM; INSERT INTO watchdog VALUES (1)");
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path();
    let words = [
        "--database",
        "site",
        "--preset",
        "drupal",
        "--exclude-table",
        "site.tmp_*",
        "--keep",
        "2",
    ];
    let said = server.dump(to, &words);
    assert_eq!(said.code, 0, "{said:?}");
    let tables = record_of(&said, "site")["data"]["tables"].clone();
    assert_eq!(
        (
            tables["cache_page"]["rows"].as_u64(),
            tables["cached_prices"]["rows"].as_u64()
        ),
        (Some(0), Some(1))
    );
    assert!(tables["tmp_1"].is_null());
    assert_eq!(
        server
            .restore(
                &to.join("site.sql.zst"),
                &["--database", "site", "--into", "copy"]
            )
            .code,
        0
    );
    assert_eq!(server.sql("copy", "SELECT COUNT(*) FROM v"), "0\n");

    // The next night one row in a hundred is new or changed, near each other as a site's newest are.
    let file = to.join("site.sql.zst");
    let before = frames(&file);
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(36 * 3600);
    fs::File::open(&file)
        .and_then(|file| file.set_modified(yesterday))
        .expect("its time");
    server.sql("site", "UPDATE node SET body = 'changed' WHERE id BETWEEN 39800 AND 40000; INSERT INTO node SELECT seq, MD5(seq) FROM seq_40001_to_40200");
    assert_eq!(server.dump(to, &words).code, 0);
    let after = frames(&file);
    let same = after.iter().filter(|frame| before.contains(frame)).count();
    assert!(
        after.len() > 15 && same + 4 >= after.len(),
        "{same} of {}",
        after.len()
    );
    let kept = names(to);
    assert!(
        kept.len() == 2 && kept[1].starts_with("site~20"),
        "{kept:?}"
    );
    assert_eq!(server.dump(to, &words).code, 0);
    assert_eq!(names(to), kept, "the same night");

    // Tables that know no transactions are locked, or named.
    let locked = |text: &str| {
        let said = server
            .backup(&["dump", "mysql", "--database", "site"])
            .args(text.split_whitespace())
            .run();
        (said.code, said.stderr)
    };
    assert_eq!(locked("").0, 0);
    let (code, stderr) = locked("--no-lock");
    assert!(
        code == 1 && stderr.contains("'watchdog' (MyISAM)"),
        "{stderr}"
    );
    assert_eq!(locked("--no-lock --preset drupal").0, 0);

    // A size that is not to be believed is told.
    server.sql("site", "DELETE FROM node WHERE id > 5000");
    let said = server.dump(to, &words);
    assert!(
        said.code == 1 && said.stdout.contains("of the last one"),
        "{said:?}"
    );

    // One that fails does not keep others from being dumped.
    server.sql("", "CREATE DATABASE broken; CREATE DATABASE zebra");
    server.sql(
        "broken",
        "CREATE TABLE a(x INT); CREATE VIEW v AS SELECT x FROM a",
    );
    assert_eq!(server.dump(to, &["--all"]).code, 0);
    let older = fs::read(to.join("broken.sql.zst")).expect("a dump");
    server.sql("broken", "DROP TABLE a");
    let said = server.dump(to, &["--all"]);
    assert_eq!(said.code, 2, "{said:?}");
    let broken = record_of(&said, "broken");
    assert!(
        broken["summary"]
            .as_str()
            .expect("text")
            .contains("the older dump is kept"),
        "{broken}"
    );
    assert_eq!(record_of(&said, "zebra")["state"], "ok");
    assert_eq!(fs::read(to.join("broken.sql.zst")).expect("a dump"), older);
    let said = server.dump(to, &["--all", "--dry-run"]);
    assert!(
        said.code == 0 && said.stdout.contains("would dump 'zebra'"),
        "{said:?}"
    );
}

#[test]
fn a_server_that_is_killed_leaves_the_older_dump() {
    let server = Mariadb::start();
    server.sql("", "CREATE DATABASE site");
    server.sql(
        "site",
        "CREATE TABLE t(id INT PRIMARY KEY, body TEXT); INSERT INTO t VALUES (0, 'small')",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path();
    assert_eq!(server.dump(to, &["--database", "site"]).code, 0);
    let older = fs::read(to.join("site.sql.zst")).expect("a dump");
    server.sql(
        "site",
        "INSERT INTO t SELECT seq, CONCAT(SHA2(seq, 512), SHA2(-seq, 512), SHA2(seq + 0.1, 512), SHA2(seq + 0.2, 512)) FROM seq_1_to_150000",
    );
    let child = server
        .backup(&["dump", "mysql", "--database", "site", "--to"])
        .arg(to)
        .spawn();
    wait::until("some of the dump", Duration::from_secs(60), || {
        let begun = fs::read_dir(to).ok()?.flatten().any(|entry| {
            entry.file_name().to_string_lossy().ends_with(".tmp")
                && entry.metadata().is_ok_and(|data| data.len() > 1 << 20)
        });
        begun.then_some(())
    });
    let _ = Command::new("kill")
        .args(["-KILL", &server.server.id().to_string()])
        .status();
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("'site' is not dumped; the older dump is kept"),
        "{said}"
    );
    assert_eq!(names(to), ["site.sql.zst"]);
    assert_eq!(fs::read(to.join("site.sql.zst")).expect("a dump"), older);
}

#[test]
fn a_password_is_seen_by_nobody_and_a_signal_leaves_nothing() {
    let server = Mariadb::start();
    let secret = "s3cret-Kq9z-mariadb";
    server.sql("", &format!("CREATE USER dumper@localhost IDENTIFIED BY '{secret}'; GRANT ALL ON *.* TO dumper@localhost; CREATE DATABASE site"));
    server.sql(
        "site",
        "CREATE TABLE t AS SELECT seq, REPEAT('x', 1000) AS body FROM seq_1_to_100000",
    );
    let file = server.folder.path().join("pass.cnf");
    fs::write(
        &file,
        format!("[client]\nuser = dumper\npassword = {secret}\n"),
    )
    .expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its mode");
    let program = || {
        // The user's own file would win over the one that is handed over.
        let home = server.folder.path();
        fs::write(
            home.join(".my.cnf"),
            "[client]\nuser = nobody\npassword = wrong\n",
        )
        .expect("written");
        server
            .backup(&["dump", "mysql", "--database", "site", "--credentials-file"])
            .arg(&file)
            .env("HOME", home)
    };
    let said = program().run();
    assert!(
        said.code == 3 && said.stderr.contains("chmod 600"),
        "{said:?}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its mode");
    // Nobody reads what it writes, so that it stands still in the middle.
    let child = program().spawn();
    wait::until("mariadb-dump", Duration::from_secs(30), || {
        below(child.id())
            .iter()
            .any(|name| name.contains("mariadb-dump"))
            .then_some(())
    });
    assert_eq!(seen_in_processes(secret), Vec::<PathBuf>::new());
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.ends_with(b"-- Dump completed\n") && output.stdout.len() > 100_000_000);

    fs::write(&file, "[client]\nuser = dumper\npassword = wrong\n").expect("written");
    let said = program().run();
    assert!(
        said.code == 2 && said.stderr.contains("Access denied") && said.stdout.is_empty(),
        "{said:?}"
    );

    // SIGTERM in the middle: the dump is given up, its file is gone, the client too.
    let to = server.folder.path().join("dumps");
    let child = server
        .backup(&["dump", "mysql", "--database", "site", "--to"])
        .arg(&to)
        .spawn();
    wait::until("a temporary file", Duration::from_secs(30), || {
        to.exists()
            .then(|| names(&to))
            .filter(|names| !names.is_empty())
    });
    let _ = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(names(&to), Vec::<String>::new());
}

#[test]
fn what_passes_is_tried_again_and_what_is_not_whole_is_told() {
    let server = Mariadb::start();
    server.sql("", "CREATE DATABASE site");
    server.sql("site", "CREATE TABLE t AS SELECT 1 AS a");
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    let real = |name: &str| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {name}")])
            .output()
            .expect("sh");
        PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
    };
    symlink(real("mariadb"), programs.join("mariadb")).expect("a link");
    let fake = programs.join("mariadb-dump");
    let put = |script: &str| {
        let dump = real("mariadb-dump");
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in *--version*) exec {0} --version;; esac\n{script}\nexec {0} \"$@\"\n",
            dump.display()
        );
        fs::write(&fake, text).expect("written");
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("its mode");
    };
    let to = folder.path().join("dumps");
    let dump = || {
        server.dump(
            &to,
            &[
                "--database",
                "site",
                "--programs",
                programs.to_str().expect("text"),
            ],
        )
    };
    let changed = "echo 'mariadb-dump: Error 1412: Table definition has changed, please retry transaction' >&2; exit 3";
    put(&format!(
        "echo 'half of it'; [ -e {0}/once ] || {{ touch {0}/once; {changed}; }}",
        folder.path().display()
    ));
    // What is written before the second attempt is not in the file.
    let said = dump();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        String::from_utf8_lossy(&zstdcat(&to.join("site.sql.zst")))
            .matches("half of it")
            .count(),
        1
    );
    let whole = fs::read(to.join("site.sql.zst")).expect("a dump");
    for (script, why) in [
        (changed, "Error 1412"),
        ("exec head -c 100 /dev/zero", "not whole"),
        ("echo '-- Dump completed'; exit 2", "exit code 2"),
        ("echo '-- Dump completed'; kill -9 $$", "killed by signal 9"),
    ] {
        put(script);
        let said = dump();
        assert!(
            said.code == 2 && said.stdout.contains(why),
            "{why}: {said:?}"
        );
        assert_eq!(fs::read(to.join("site.sql.zst")).expect("a dump"), whole);
    }
    put("sleep 60");
    let said = server.dump(
        &to,
        &[
            "--database",
            "site",
            "--programs",
            programs.to_str().expect("text"),
            "--each-within",
            "1s",
        ],
    );
    assert!(
        said.code == 2 && said.stdout.contains("did not end within"),
        "{said:?}"
    );
    assert_eq!(names(&to), ["site.sql.zst"]);
}

#[test]
fn what_makes_no_sense_is_said_in_one_sentence() {
    for (words, sentence) in [
        (
            &["dump", "mysql", "--all", "--database", "a", "--to", "/x"][..],
            "cannot be used with",
        ),
        (&["dump", "mysql"], "no database is named"),
        (
            &["dump", "mysql", "--all"],
            "several databases do not fit into one stream",
        ),
        (&["dump", "mysql", "--database", "a", "--keep", "3"], "--to"),
        (&["dump", "oracle", "--all"], "invalid value 'oracle'"),
        (
            &["dump", "mysql", "--database", "a", "--programs", "/nowhere"],
            "none of the programs mariadb-dump, mysqldump is there",
        ),
        (
            &["dump", "mysql", "--database", "a", "--exclude-table", "a["],
            "'a['",
        ),
        (
            &["restore-db", "mysql", "/no/such.sql", "--database", "a"],
            "cannot read '/no/such.sql'",
        ),
    ] {
        let said = backup(words).run();
        assert!(
            said.code == 3 && said.stderr.contains(sentence),
            "{words:?}: {said:?}"
        );
    }
    let said = backup(&[
        "dump",
        "mysql",
        "--database",
        "a",
        "--socket",
        "/nowhere/socket",
    ])
    .run();
    assert!(
        said.code == 2 && said.stderr.contains("Can't connect") && said.stdout.is_empty(),
        "{said:?}"
    );
}
