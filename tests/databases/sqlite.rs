//! SQLite's files, copied while others write to them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ce_tests::wait;

use super::{backup, names, record_of};

fn sqlite(file: &Path, sql: &str) -> String {
    let done = Command::new("sqlite3")
        .args(["-bail", "-cmd", ".timeout 20000"])
        .arg(file)
        .arg(sql)
        .output()
        .expect("sqlite3");
    assert!(
        done.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

const CONTENT: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT, b BLOB, g INT GENERATED ALWAYS AS (id * 2) VIRTUAL);
    INSERT INTO t(s, b) VALUES ('it''s' || char(10) || '😀', x'00ff27'), (NULL, x''), ('', NULL);
    CREATE TABLE \"x \"\"`y-ß\"(a); INSERT INTO \"x \"\"`y-ß\" VALUES (1.1), (9223372036854775807);
    CREATE TABLE empty(a);
    CREATE VIEW v AS SELECT * FROM t;
    CREATE INDEX i ON t(s);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO empty VALUES (1); INSERT INTO empty VALUES (2); END;";

#[test]
fn a_file_comes_back_as_it_was_whole_or_one_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my app.db");
    sqlite(&file, CONTENT);
    let to = folder.path().join("dumps");
    let (file, to) = (file.to_str().expect("text"), to.to_str().expect("text"));
    let said = backup(&["dump", "sqlite", "--database", file, "--to", to]).run();
    assert_eq!(said.code, 0, "{said:?}");
    let tables = record_of(&said, file)["data"]["tables"].clone();
    assert_eq!(tables["t"]["rows"], 3);
    assert_eq!(tables["x \"`y-ß"]["rows"], 2);
    assert_eq!(tables["empty"]["rows"], 0);
    assert_eq!(names(Path::new(to)), ["my%20app.db.zst"]);
    let dump = format!("{to}/my%20app.db.zst");

    let new = folder.path().join("new.db");
    let restore = |more: &[&str]| {
        let words = [
            "restore-db",
            "sqlite",
            &dump,
            "--database",
            new.to_str().expect("text"),
        ];
        backup(&words).args(more).run()
    };
    let said = restore(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let whole = |file: &Path| sqlite(file, ".dump");
    assert_eq!(whole(&new), whole(Path::new(file)));
    let said = restore(&[]);
    assert!(
        said.code == 3 && said.stderr.contains("--force"),
        "{said:?}"
    );

    sqlite(&new, "DELETE FROM t; INSERT INTO empty VALUES (7);");
    assert_eq!(restore(&["--table", "t"]).code, 3);
    assert_eq!(restore(&["--table", "t", "--force"]).code, 0);
    assert_eq!(
        sqlite(
            &new,
            "SELECT count(*), sum(g) FROM t; SELECT count(*) FROM empty;"
        ),
        "3|12\n1\n"
    );
    assert_eq!(restore(&["--force"]).code, 0);
    assert_eq!(whole(&new), whole(Path::new(file)));
    let said = restore(&["--table", "none", "--force"]);
    assert!(
        said.code == 3 && said.stderr.contains("no table 'none'"),
        "{said:?}"
    );
    assert_eq!(
        names(folder.path())
            .iter()
            .filter(|name| name.ends_with(".tmp"))
            .count(),
        0
    );
}

#[test]
fn a_copy_is_of_one_moment_while_somebody_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("busy.db");
    sqlite(
        &file,
        "PRAGMA journal_mode = WAL; CREATE TABLE a(x); CREATE TABLE b(x); \
         CREATE TABLE ballast(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO ballast SELECT randomblob(500) FROM n;",
    );
    // Both tables get a row in one transaction, again and again.
    let script = format!(
        "while [ -e '{0}' ]; do echo 'BEGIN; INSERT INTO a VALUES(1); INSERT INTO b VALUES(1); COMMIT;'; done | \
         sqlite3 -cmd '.timeout 5000' '{0}'",
        file.display()
    );
    let mut writer = Command::new("timeout")
        .args(["60", "sh", "-c", &script])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a writer");
    let count = || {
        sqlite(&file, "SELECT count(*) FROM a;")
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    wait::until("row", Duration::from_secs(20), || {
        (count() > 10).then_some(())
    });
    let to = folder.path().join("dumps");
    let path = file.to_str().expect("text");
    for _ in 0..3 {
        let before = count();
        let said = backup(&["dump", "sqlite", "--database", path, "--to"])
            .arg(&to)
            .run();
        assert_eq!(said.code, 0, "{said:?}");
        let tables = record_of(&said, path)["data"]["tables"].clone();
        assert_eq!(tables["a"]["rows"], tables["b"]["rows"]);
        assert!(tables["a"]["rows"].as_u64() >= Some(before), "{tables}");
    }
    // With the file the loop ends, whoever ended before it.
    fs::remove_file(&file).expect("removed");
    let _ = writer.wait();
}

#[test]
fn what_is_no_database_or_damaged_is_refused_and_the_older_dump_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.db");
    let path = file.to_str().expect("text");
    let to = folder.path().join("dumps");
    let dump = || {
        backup(&["dump", "sqlite", "--database", path, "--to"])
            .arg(&to)
            .run()
    };
    let said = dump();
    assert!(
        said.code == 2 && said.stdout.contains("there is no database"),
        "{said:?}"
    );
    sqlite(
        &file,
        "CREATE TABLE t(x); INSERT INTO t SELECT randomblob(5000); INSERT INTO t SELECT randomblob(50000);",
    );
    assert_eq!(dump().code, 0);
    let kept = fs::read(to.join("a.db.zst")).expect("a dump");
    let mut bytes = fs::read(&file).expect("the file");
    bytes[4096..4196].fill(0xff);
    fs::write(&file, bytes).expect("damaged");
    let said = dump();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stdout.contains("the older dump is kept"), "{said:?}");
    assert_eq!(fs::read(to.join("a.db.zst")).expect("a dump"), kept);
    assert_eq!(names(&to), ["a.db.zst"]);
    let said = backup(&["dump", "sqlite", "--all", "--to"]).arg(&to).run();
    assert!(
        said.code == 3 && said.stderr.contains("name each file"),
        "{said:?}"
    );
}
