//! /proc/mdstat, as the kernel's md driver writes it.

use std::fmt;

/// What an array does beside serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Recovery,
    Resync,
    Reshape,
    Check,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recovery => "recovery",
            Self::Resync => "resync",
            Self::Reshape => "reshape",
            Self::Check => "check",
        })
    }
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sync {
    pub(super) action: Action,
    /// Absent while it waits for its turn.
    pub(super) percent: Option<f64>,
    pub(super) left_minutes: Option<f64>,
    /// Bytes a second.
    pub(super) speed: Option<u64>,
}

/// One array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) active: bool,
    /// Empty while it is not running.
    pub(super) level: String,
    pub(super) disks: u64,
    pub(super) missing: u64,
    pub(super) failed: Vec<String>,
    pub(super) spares: u64,
    pub(super) sync: Option<Sync>,
    pub(super) mismatches: Option<u64>,
}

/// All arrays; a fault is what is wrong with which line.
pub(super) fn parse(text: &str) -> Result<Vec<Array>, String> {
    let mut arrays: Vec<Array> = Vec::new();
    for line in text.lines() {
        if line.starts_with("Personalities") || line.starts_with("unused devices") {
            continue;
        }
        if !line.starts_with([' ', '\t']) && !line.is_empty() {
            let array = header(line).ok_or_else(|| format!("line '{line}' describes no array"))?;
            arrays.push(array);
        } else if let Some(array) = arrays.last_mut() {
            if let Some((disks, working)) = line.split(' ').find_map(places) {
                array.disks = disks;
                array.missing = disks.saturating_sub(working);
            }
            array.sync = sync(line).or(array.sync.take());
        }
    }
    Ok(arrays)
}

/// `md0 : active (auto-read-only) raid1 sdb1[1](F) sda1[0]`
fn header(line: &str) -> Option<Array> {
    let (name, rest) = line.split_once(" : ")?;
    let mut words = rest.split_ascii_whitespace();
    let active = match words.next()? {
        "active" => true,
        "inactive" => false,
        _ => return None,
    };
    let mut array = Array {
        name: name.trim().to_owned(),
        active,
        ..Array::default()
    };
    for word in words {
        match word.split_once('[') {
            Some((disk, rest)) if rest.contains("](F)") => array.failed.push(disk.to_owned()),
            // Before an array runs, all its disks are shown as spares.
            Some((_, rest)) if rest.contains("](S)") && active => array.spares += 1,
            Some(_) => array.disks += 1,
            None if word.starts_with('(') => {}
            None => word.clone_into(&mut array.level),
        }
    }
    Some(array)
}

/// `[3/2]`: places and disks that work.
fn places(word: &str) -> Option<(u64, u64)> {
    let (disks, working) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
    Some((disks.parse().ok()?, working.parse().ok()?))
}

/// `[==>...]  recovery = 12.6% (132096/1047552) finish=3.4min speed=4403K/sec`, or `resync=DELAYED`.
fn sync(line: &str) -> Option<Sync> {
    let at = |name: &str| line.find(name).map(|at| &line[at + name.len()..]);
    let (action, rest) = [
        ("recovery", Action::Recovery),
        ("resync", Action::Resync),
        ("reshape", Action::Reshape),
        ("check", Action::Check),
    ]
    .into_iter()
    .find_map(|(name, action)| Some((action, at(name)?)))?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let number = |text: &str| {
        let end = text
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(text.len());
        text[..end]
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
    };
    let speed = at("speed=").and_then(number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(Sync {
        action,
        percent: number(value),
        left_minutes: at("finish=").and_then(number),
        speed: speed.map(|kilobytes| (kilobytes * 1024.0) as u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn read_only_arrays_and_those_without_redundancy_read() {
        let text = "Personalities : [raid0]
md5 : active (auto-read-only) raid0 sdb1[1] sda1[0]
      3907023872 blocks super 1.2 512k chunks

unused devices: <none>
";
        let arrays = parse(text).unwrap();
        assert_eq!(arrays.len(), 1);
        assert_eq!(
            (arrays[0].level.as_str(), arrays[0].disks, arrays[0].missing),
            ("raid0", 2, 0)
        );
        assert!(parse("md0 is gone").is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(md[0-9] : (in)?active[ a-z0-9()\\[\\]]{0,40}\n| {3}[\\[\\]/0-9=>.%a-zKé ]{0,60}\n){0,6}|.{0,80}") {
            for array in parse(&text).unwrap_or_default() {
                prop_assert!(array.missing <= array.disks);
            }
        }
    }
}
