//! The flags of the check, and what they select in the order in which they stand.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::Disk;
use super::limit::{self, Limit, Unit};
use super::select::Selection;
use crate::root::Root;

/// Free space and inodes of file systems
///
/// Options are read from left to right: a -p takes the thresholds that stand before it, -C clears them. Without -p,
/// -r or -R all file systems that hold data are judged; without thresholds by -w 10% -c 5% -W 10% -K 5%.
///
/// Below --root, a file .statvfs (lines of mount point, tab, block size, blocks, free, available, inodes, free inodes)
/// is taken for what the kernel says of each mount.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-check disk
  ce-check disk /srv
  ce-check disk -w 20% -c 10% -p / -C -w 5G -c 2G -p /boot
  ce-check disk --local -X tmpfs --format nagios")]
pub(super) struct Flags {
    /// WARNING when no more than this is free: 10%, 500 (of -u units) or 5G
    #[arg(short, long, value_name = "FREE")]
    pub(super) warning: Vec<Limit>,

    /// CRITICAL when no more than this is free
    #[arg(short, long, value_name = "FREE")]
    pub(super) critical: Vec<Limit>,

    /// WARNING when no more of the inodes are free
    #[arg(short = 'W', long, value_name = "PERCENT", value_parser = limit::inode_percent)]
    pub(super) iwarning: Vec<f64>,

    /// CRITICAL when no more of the inodes are free
    #[arg(short = 'K', long, value_name = "PERCENT", value_parser = limit::inode_percent)]
    pub(super) icritical: Vec<f64>,

    /// Judge this mount point, device, or the file system that holds this path
    #[arg(short, long, value_name = "PATH", visible_alias = "partition")]
    pub(super) path: Vec<PathBuf>,

    /// Judge these too, as with -p
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// Take -p only for mount points and devices themselves
    #[arg(short = 'E', long)]
    pub(super) exact_match: bool,

    /// Judge what matches this regular expression, by mount point or device
    #[arg(
        short = 'r',
        long,
        value_name = "REGEX",
        visible_alias = "ereg-partition"
    )]
    pub(super) ereg_path: Vec<String>,

    /// The same, blind to case
    #[arg(
        short = 'R',
        long,
        value_name = "REGEX",
        visible_alias = "eregi-partition"
    )]
    pub(super) eregi_path: Vec<String>,

    /// Leave out what matches this regular expression
    #[arg(
        short = 'i',
        long,
        value_name = "REGEX",
        visible_alias = "ignore-ereg-partition"
    )]
    pub(super) ignore_ereg_path: Vec<String>,

    /// The same, blind to case
    #[arg(
        short = 'I',
        long,
        value_name = "REGEX",
        visible_alias = "ignore-eregi-partition"
    )]
    pub(super) ignore_eregi_path: Vec<String>,

    /// Judge all file systems, images and containers' overlays among them
    #[arg(short = 'A', long, action = clap::ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) all: Vec<bool>,

    /// Leave out this device or mount point
    #[arg(
        short = 'x',
        long,
        value_name = "DEVICE",
        visible_alias = "exclude_device"
    )]
    pub(super) exclude_device: Vec<PathBuf>,

    /// Leave out file systems of this type
    #[arg(short = 'X', long, value_name = "TYPE")]
    pub(super) exclude_type: Vec<String>,

    /// Judge only file systems of this type
    #[arg(short = 'N', long, value_name = "TYPE")]
    pub(super) include_type: Vec<String>,

    /// Leave out network file systems
    #[arg(short, long)]
    pub(super) local: bool,

    /// Ask network file systems whether they answer, but do not judge their space
    #[arg(short = 'L', long)]
    pub(super) stat_remote_fs: bool,

    /// Judge the following paths as one, by the sum of their space
    #[arg(short, long, value_name = "NAME")]
    pub(super) group: Vec<String>,

    /// Forget the thresholds and the group so far
    #[arg(short = 'C', long, action = clap::ArgAction::Append, num_args = 0, default_missing_value = "true")]
    pub(super) clear: Vec<bool>,

    /// Count in bytes, kB, MB, GB or TB
    #[arg(short, long, value_name = "UNIT", default_value = "MB")]
    pub(super) units: Unit,

    /// Count in kB
    #[arg(short, long, conflicts_with = "megabytes")]
    pub(super) kilobytes: bool,

    /// Count in MB
    #[arg(short, long)]
    pub(super) megabytes: bool,

    /// Report file systems by their device
    #[arg(short = 'M', long)]
    pub(super) mountpoint: bool,

    /// Take blocks reserved for root out of the total
    #[arg(short, long)]
    pub(super) freespace_ignore_reserved: bool,

    /// Taken for compatibility: inodes are always among the metrics
    #[arg(short = 'P', long, hide = true)]
    pub(super) iperfdata: bool,

    /// Taken for compatibility: the worst always comes first
    #[arg(short, long, hide = true)]
    pub(super) errors_only: bool,

    /// Count in whole units and set limits against the whole size, as check_disk does
    #[arg(long, hide = true)]
    pub(super) just_as_plugin: bool,

    #[command(flatten)]
    pub(super) root: Root,
}

impl Args for Disk {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Disk {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let selection = Selection::from_matches(matches).map_err(|message| {
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, message)
        })?;
        let mut flags = Flags::from_arg_matches_mut(matches)?;
        if flags.kilobytes {
            flags.units = Unit::KILOBYTES;
        } else if flags.megabytes {
            flags.units = Unit::MEGABYTES;
        }
        Ok(Self { flags, selection })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
