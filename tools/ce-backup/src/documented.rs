//! What the records of each command hold in `metrics` and `data`: for the schema and the man pages, and held to by tests.

/// A field: name, JSON type or unit, meaning.
pub type Field = (&'static str, &'static str, &'static str);

/// The records of one command.
#[derive(Debug)]
pub struct Documented {
    /// The `check` of the record.
    pub check: &'static str,
    /// Name, unit, meaning.
    pub metrics: &'static [Field],
    /// Name, JSON type, meaning.
    pub data: &'static [Field],
}

const ID: Field = ("id", "string", "the snapshot's id, 64 hexadecimal digits");
const FILES: Field = ("files", "integer", "regular files");
const BYTES: Field = ("bytes", "integer", "bytes of their content");
const NEW: Field = (
    "new_bytes",
    "integer",
    "bytes of content that no earlier snapshot had",
);
const STORED: Field = ("stored_bytes", "integer", "bytes that were stored for it");
const ERRORS: Field = (
    "errors",
    "integer",
    "items that were not taken or put back whole",
);
const COMPLETE: Field = ("complete", "boolean", "whether nothing was left out");
const DURATION: Field = ("duration_ms", "integer", "milliseconds from start to end");
const DRY: Field = ("dry_run", "boolean", "whether nothing was changed");
const WRITER: Field = ("writer", "string", "whose it is, 32 hexadecimal digits");
const SEQUENCE: Field = (
    "sequence",
    "integer",
    "its number among the writer's snapshots",
);
const RECEIVED: Field = (
    "received",
    "string",
    "when the storage received it, RFC 3339",
);

/// All commands that write records, sorted by name.
pub static DOCUMENTED: &[Documented] = &[
    Documented {
        check: "bench",
        metrics: &[("rate", "B", "bytes a second")],
        data: &[
            ("mb_per_s", "integer", "10^6 bytes a second, on one core"),
            ("ns_per_kib", "integer", "nanoseconds for 1024 bytes"),
            (
                "cycles_per_byte",
                "number",
                "by the clock rate that the kernel reports",
            ),
            ("chunks", "integer", "with --chunks: chunks in the index"),
            (
                "load_ms",
                "integer",
                "with --chunks: milliseconds to load and sort them",
            ),
            (
                "find_ns",
                "integer",
                "with --chunks: nanoseconds to find one",
            ),
            (
                "memory_bytes",
                "integer",
                "with --chunks: bytes of memory that the index takes",
            ),
            (
                "stored_bytes",
                "integer",
                "with --chunks: bytes of its shards",
            ),
        ],
    },
    Documented {
        check: "check",
        metrics: &[
            ("problems", "", "things that are wrong"),
            ("read_bytes", "B", "bytes of packs read"),
        ],
        data: &[
            ("snapshots", "integer", "snapshots looked at"),
            ("packs", "integer", "packs that are there"),
            ("chunks", "integer", "entries of the index"),
            ("bytes_read", "integer", "bytes of packs read"),
            (
                "structure",
                "boolean",
                "whether a key let it see which chunks the snapshots need",
            ),
            (
                "contents",
                "boolean",
                "whether contents were compared with their names",
            ),
            (
                "problems",
                "integer",
                "things that are wrong; the detail names them",
            ),
            (
                "affected",
                "array",
                "files that are affected, as SNAPSHOT: PATH",
            ),
        ],
    },
    Documented {
        check: "copy",
        metrics: &[
            ("snapshots", "", "snapshots that the second place lacked"),
            ("bytes", "B", "bytes copied"),
            ("problems", "", "what could not be copied as it should be"),
        ],
        data: &[
            (
                "snapshots",
                "integer",
                "snapshots that the second place lacked",
            ),
            ("objects", "integer", "objects copied"),
            ("bytes", "integer", "bytes copied"),
            (
                "problems",
                "integer",
                "what could not be copied as it should be",
            ),
            ("made", "boolean", "whether the second place was made"),
            DRY,
        ],
    },
    Documented {
        check: "create",
        metrics: &[
            ("files", "", "regular files"),
            ("bytes", "B", "bytes of their content"),
            (
                "new_bytes",
                "B",
                "bytes of content that no earlier snapshot had",
            ),
            ("stored_bytes", "B", "bytes that were stored"),
            ("errors", "", "items not taken whole"),
        ],
        data: &[
            ID, SEQUENCE, FILES, BYTES, NEW, STORED, ERRORS, COMPLETE, DURATION, DRY,
        ],
    },
    Documented {
        check: "diff",
        metrics: &[],
        data: &[
            ("added", "integer", "items in the later snapshot only"),
            ("removed", "integer", "items in the earlier snapshot only"),
            ("content", "integer", "items of another content or kind"),
            (
                "metadata",
                "integer",
                "items of another owner, mode, time or attribute",
            ),
        ],
    },
    Documented {
        check: "dump",
        metrics: &[
            ("bytes", "B", "bytes of the dump"),
            ("stored_bytes", "B", "bytes of its file"),
            ("tables", "", "tables in it"),
            ("rows", "", "their rows"),
            ("duration", "s", "seconds from start to end"),
        ],
        data: &[
            (
                "database",
                "string",
                "its name, @accounts for accounts and grants",
            ),
            ("engine", "string", "mariadb, mysql, postgres or sqlite"),
            ("version", "string", "the server's, or library's"),
            ("file", "string", "where it is"),
            ("bytes", "integer", "bytes of the dump"),
            STORED,
            ("table_count", "integer", "tables in it"),
            ("rows", "integer", "their rows"),
            (
                "tables",
                "object",
                "rows and digest of each table, up to 4000 tables; the order of rows does not change the digest",
            ),
            DURATION,
            DRY,
        ],
    },
    Documented {
        check: "find",
        metrics: &[],
        data: &[
            ("items", "integer", "items found"),
            ("bytes", "integer", "bytes of their content"),
        ],
    },
    Documented {
        check: "forget",
        metrics: &[
            ("deleted_bytes", "B", "with --prune: bytes of packs deleted"),
            (
                "condemned_bytes",
                "B",
                "with --prune: bytes of packs that wait for the end of their grace",
            ),
        ],
        data: &[
            ID,
            DRY,
            ("kept", "integer", "snapshots that a rule keeps"),
            ("forgotten", "integer", "snapshots forgotten"),
            ("packs_deleted", "integer", "as in prune"),
            ("packs_condemned", "integer", "as in prune"),
            ("packs_rewritten", "integer", "as in prune"),
            ("packs_kept", "integer", "as in prune"),
            ("bytes_deleted", "integer", "as in prune"),
            ("bytes_condemned", "integer", "as in prune"),
        ],
    },
    Documented {
        check: "init",
        metrics: &[],
        data: &[
            ("repository", "string", "its id, 32 hexadecimal digits"),
            WRITER,
            ("recipients", "array", "whom everything is sealed to"),
        ],
    },
    Documented {
        check: "key",
        metrics: &[],
        data: &[
            ("recipient", "string", "the public half of the new key"),
            ("recipients", "array", "whom everything is sealed to now"),
            ("resealed", "integer", "key objects sealed anew"),
        ],
    },
    Documented {
        check: "list",
        metrics: &[],
        data: &[
            ID,
            WRITER,
            SEQUENCE,
            RECEIVED,
            (
                "time",
                "string",
                "when it began by the writer's clock, RFC 3339",
            ),
            ("host", "string", "the writer's host name"),
            ("roots", "array", "what was asked for"),
            ("tags", "object", "what was attached"),
            FILES,
            BYTES,
            NEW,
            STORED,
            ERRORS,
            COMPLETE,
            DURATION,
        ],
    },
    Documented {
        check: "ls",
        metrics: &[],
        data: &[
            ("items", "integer", "items named"),
            ("bytes", "integer", "bytes of their content"),
        ],
    },
    Documented {
        check: "prune",
        metrics: &[
            ("deleted_bytes", "B", "bytes of packs deleted"),
            (
                "condemned_bytes",
                "B",
                "bytes of packs that wait for the end of their grace",
            ),
        ],
        data: &[
            ("packs_deleted", "integer", "packs deleted"),
            (
                "packs_condemned",
                "integer",
                "packs that no backup relies on from now on",
            ),
            (
                "packs_rewritten",
                "integer",
                "packs written anew without what is unused",
            ),
            ("packs_kept", "integer", "packs that are needed"),
            ("bytes_deleted", "integer", "their bytes"),
            (
                "bytes_condemned",
                "integer",
                "bytes that wait for the end of their grace",
            ),
            DRY,
        ],
    },
    Documented {
        check: "repair",
        metrics: &[],
        data: &[
            ("packs", "integer", "packs looked at"),
            ("packs_mended", "integer", "packs mended from their parity"),
            (
                "objects_mended",
                "integer",
                "keys, writers and snapshots mended from their copies, or copies from them",
            ),
            ("objects_lost", "integer", "those of which neither is whole"),
            ("packs_lost", "integer", "packs beyond it, or gone"),
            ("shards_written", "integer", "index shards written anew"),
            ("shards_removed", "integer", "index shards removed"),
            (
                "config_restored",
                "boolean",
                "whether the config came from its copy",
            ),
            DRY,
        ],
    },
    Documented {
        check: "restore",
        metrics: &[
            ("files", "", "regular files put back"),
            ("bytes", "B", "bytes of their content"),
        ],
        data: &[
            ID,
            FILES,
            ("others", "integer", "folders, links, pipes and devices"),
            BYTES,
            (
                "unchanged",
                "integer",
                "files that were there as they should be",
            ),
            ERRORS,
            DURATION,
            DRY,
        ],
    },
    Documented {
        check: "restore-db",
        metrics: &[
            ("bytes", "B", "bytes of the dump"),
            ("tables", "", "tables put back"),
            ("rows", "", "their rows"),
        ],
        data: &[
            ("database", "string", "where they were put"),
            ("bytes", "integer", "bytes of the dump"),
            ("table_count", "integer", "tables put back"),
            (
                "rows",
                "integer",
                "their rows, counted there and in the dump",
            ),
            DURATION,
        ],
    },
    Documented {
        check: "run",
        metrics: &[
            ("duration", "s", "seconds of the whole night"),
            ("steps", "", "records of its steps"),
            ("failed", "", "of these not OK"),
        ],
        data: &[
            ("steps", "integer", "records of its steps"),
            ("failed", "integer", "of these not OK"),
            DURATION,
        ],
    },
    Documented {
        check: "stats",
        metrics: &[
            ("stored", "B", "bytes that the repository takes"),
            ("snapshots", "", "snapshots"),
        ],
        data: &[
            ("snapshots", "integer", "snapshots"),
            ("bytes", "integer", "bytes of all of them, each on its own"),
            ("stored_bytes", "integer", "bytes that the repository takes"),
            ("objects", "integer", "objects that it has"),
        ],
    },
    Documented {
        check: "status",
        metrics: &[
            (
                "age",
                "s",
                "seconds since the storage received the newest snapshot",
            ),
            ("bytes", "B", "bytes of its content"),
            ("new_bytes", "B", "bytes of content that no earlier one had"),
            ("errors", "", "items not taken whole"),
        ],
        data: &[
            ID,
            WRITER,
            RECEIVED,
            (
                "snapshots",
                "integer",
                "snapshots of the same host and paths",
            ),
            COMPLETE,
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_commands() {
        assert!(
            DOCUMENTED
                .windows(2)
                .all(|pair| pair[0].check < pair[1].check)
        );
        let command = crate::command();
        for entry in DOCUMENTED {
            assert!(
                command.find_subcommand(entry.check).is_some(),
                "{}",
                entry.check
            );
        }
    }
}
