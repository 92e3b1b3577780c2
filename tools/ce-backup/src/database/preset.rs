//! Which tables are left out, and of which only the structure is dumped.

use glob::Pattern;

/// Drupal's tables whose rows are made again or mean nothing elsewhere: caches, sessions, the log, locks and what
/// waits to be done. By name, for `cache*` would take a site's own `cached_prices` too.
const DRUPAL: &[&str] = &[
    "batch",
    "cache",
    "cache_*",
    "cachetags",
    "captcha_sessions",
    "flood",
    "queue",
    "semaphore",
    "sessions",
    "watchdog",
];

/// What is known of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Preset {
    Drupal,
}

/// What of a database is dumped.
#[derive(Debug, Default, Clone)]
pub(crate) struct Choice {
    exclude: Vec<Wanted>,
    structure_only: Vec<Wanted>,
    /// Not even tables that change under a dump are locked.
    pub no_lock: bool,
}

#[derive(Debug, Clone)]
struct Wanted {
    /// With a dot in it, the name of the database or schema stands before the table's.
    qualified: bool,
    pattern: Pattern,
}

impl Choice {
    /// Patterns are `TABLE`, `DATABASE.TABLE`, for PostgreSQL `SCHEMA.TABLE`, with `*` and `?`.
    ///
    /// # Errors
    /// One of them is no pattern.
    pub fn new(
        exclude: &[String],
        structure_only: &[String],
        preset: Option<Preset>,
        no_lock: bool,
    ) -> Result<Self, String> {
        let all = |patterns: &mut dyn Iterator<Item = &str>| {
            patterns.map(Wanted::new).collect::<Result<Vec<_>, _>>()
        };
        let known = match preset {
            Some(Preset::Drupal) => DRUPAL,
            None => &[],
        };
        let mut structure = structure_only
            .iter()
            .map(String::as_str)
            .chain(known.iter().copied());
        Ok(Choice {
            exclude: all(&mut exclude.iter().map(String::as_str))?,
            structure_only: all(&mut structure)?,
            no_lock,
        })
    }

    /// Whether a table of this database or schema is left out.
    pub fn excludes(&self, within: &str, table: &str) -> bool {
        self.exclude.iter().any(|one| one.matches(within, table))
    }

    /// Whether its rows are.
    pub fn has_no_rows(&self, within: &str, table: &str) -> bool {
        self.structure_only
            .iter()
            .any(|one| one.matches(within, table))
    }
}

impl Wanted {
    fn new(text: &str) -> Result<Self, String> {
        let pattern = Pattern::new(text).map_err(|error| format!("'{text}': {}", error.msg))?;
        Ok(Wanted {
            qualified: text.contains('.'),
            pattern,
        })
    }

    fn matches(&self, within: &str, table: &str) -> bool {
        // A table's own name may have a dot as well.
        self.pattern.matches(table)
            || self.qualified && self.pattern.matches(&format!("{within}.{table}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drupals_caches_lose_their_rows_and_other_tables_do_not() {
        let choice = Choice::new(&[], &["big.*".to_owned()], Some(Preset::Drupal), false).unwrap();
        for table in ["cache_render", "cachetags", "sessions", "watchdog", "cache"] {
            assert!(choice.has_no_rows("site", table), "{table}");
        }
        for table in ["cached_prices", "node", "users", "config", "search_index"] {
            assert!(!choice.has_no_rows("site", table), "{table}");
        }
        assert!(choice.has_no_rows("big", "node") && !choice.excludes("big", "node"));
    }

    #[test]
    fn tables_are_named_alone_or_with_their_database() {
        let names = ["tmp_*".to_owned(), "shop.log".to_owned()];
        let choice = Choice::new(&names, &[], None, false).unwrap();
        assert!(choice.excludes("any", "tmp_1") && choice.excludes("shop", "log"));
        assert!(!choice.excludes("blog", "log") && choice.excludes("x", "shop.log"));
        assert!(Choice::new(&["a[".to_owned()], &[], None, false).is_err());
    }
}
