//! `ce-backup bench`: how fast this machine chunks, hashes, compresses and seals.

use std::time::{Duration, Instant};

use ce_cli::Common;
use ce_record::{Finding, Metric, State};
use ce_vault::chunker::Chunker;
use ce_vault::pack::{Class, Sealer, Session};
use ce_vault::seal::{Aead, Key, Portable, Ring};
use ce_vault::{Id, Index, parity, simulated_chunk};
use clap::Args;

use super::Act;
use crate::fault::Fault;

/// Measure each stage of a backup on this machine, on one core and in memory
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ce-backup bench
  ce-backup bench --format json | jq -r '[.object, .data.mb_per_s] | @tsv'")]
pub(crate) struct Bench {
    /// For so long each
    #[arg(long, value_name = "TIME", value_parser = ce_cli::parse_duration, default_value = "500ms")]
    each: Duration,

    /// Load and ask an index of so many chunks instead, and say what memory it takes
    #[arg(long, value_name = "N")]
    chunks: Option<u32>,
}

/// Bytes that a stage works on: a group.
const SIZE: usize = ce_vault::pack::GROUP;

impl Act for Bench {
    const NAME: &'static str = "bench";

    fn act(&self, _: &Common) -> Result<Vec<Finding>, Fault> {
        if let Some(chunks) = self.chunks {
            return Ok(vec![index(chunks)]);
        }
        let (text, random) = (text(), random());
        let key = Key::new([7; 32]);
        let chunker = Chunker::new(&key);
        let session = Session::new([1; 16], key.clone(), &key);
        let (ring, portable) = (Ring::new(&key), Portable::new(&key));
        let mut sealer = Sealer::new(3);
        let mut buffer = Vec::with_capacity(SIZE + 64);
        let mut seal = |aead: &dyn Aead| {
            buffer.clear();
            buffer.extend_from_slice(&random);
            aead.seal([0; 12], &[], &mut buffer);
        };
        let chunk = |bytes: &[u8]| {
            let mut rest = bytes;
            while !rest.is_empty() {
                rest = &rest[chunker.cut(rest)..];
            }
        };
        let mut compress = |bytes: &[u8]| {
            let members = vec![(Id::of(b""), bytes.len() as u32)];
            let _ = sealer.seal(&session, 0, Class::Private, bytes, members);
        };
        let mut findings = vec![
            self.stage("chunk", "cut by content", || chunk(&random)),
            self.stage("hash", "BLAKE3 of 32 KiB chunks", || {
                random.chunks(32 << 10).for_each(|chunk| {
                    std::hint::black_box(Id::of(chunk));
                });
            }),
            self.stage("compress-text", "zstd 3 and seal, text", || compress(&text)),
            self.stage("compress-random", "zstd 3 and seal, random bytes", || {
                compress(&random);
            }),
            self.stage("seal-ring", "ChaCha20-Poly1305 by ring", || seal(&ring)),
        ];
        findings.push(self.stage(
            "seal-portable",
            "ChaCha20-Poly1305 by chacha20poly1305",
            || seal(&portable),
        ));
        findings.push(self.stage("parity", "2 % parity and CRC-32", || {
            std::hint::black_box(parity::encode(&random, 2));
        }));
        Ok(findings)
    }
}

impl Bench {
    fn stage(&self, name: &str, what: &str, mut work: impl FnMut()) -> Finding {
        work();
        let (started, mut rounds) = (Instant::now(), 0_u64);
        while started.elapsed() < self.each || rounds == 0 {
            work();
            rounds += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        let bytes = rounds as f64 * SIZE as f64;
        let rate = (bytes / seconds) as u64;
        let mut finding = Finding::new(State::Ok, format!("{:>6} MB/s  {what}", rate / 1_000_000))
            .object(name)
            .metric(Metric::new("rate", rate, "B"))
            .data("mb_per_s", rate / 1_000_000)
            .data("ns_per_kib", (seconds * 1e9 / bytes * 1024.0) as u64);
        if let Some(hertz) = clock_rate() {
            let cycles = seconds * hertz / bytes;
            finding = finding
                .detail(format!("{cycles:.2} cycles a byte"))
                .data("cycles_per_byte", cycles);
        }
        finding
    }
}

/// Writes an index as shards, one after the other, reads them into another one and asks that for every chunk.
fn index(chunks: u32) -> Finding {
    let key = [3; 32];
    let shards = Index::simulated(chunks).encode(&[1; 16], &key);
    let stored: usize = shards.iter().map(Vec::len).sum();
    let before = resident();
    let started = Instant::now();
    let mut index = Index::default();
    for shard in &shards {
        let _ = index.read(shard, &key);
    }
    index.sort();
    let loaded = started.elapsed();
    let taken = resident().saturating_sub(before);
    let started = Instant::now();
    let found = (0..chunks)
        .filter(|chunk| index.find(&simulated_chunk(*chunk).short()).is_some())
        .count();
    let asked = started.elapsed();
    let state = if found == chunks as usize {
        State::Ok
    } else {
        State::Critical
    };
    let (per_chunk, each) = (
        taken as f64 / f64::from(chunks.max(1)),
        asked.as_nanos() / u128::from(chunks.max(1)),
    );
    Finding::new(
        state,
        format!(
            "{chunks} chunks loaded in {} ms, {per_chunk:.1} B of memory and {:.1} B stored for each, found in {each} ns each",
            loaded.as_millis(),
            stored as f64 / f64::from(chunks.max(1)),
        ),
    )
    .object("index")
    .data("chunks", chunks)
    .data("load_ms", u64::try_from(loaded.as_millis()).unwrap_or(u64::MAX))
    .data("find_ns", u64::try_from(each).unwrap_or(u64::MAX))
    .data("memory_bytes", taken)
    .data("stored_bytes", stored as u64)
}

/// Bytes of memory that this process has resident.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Cycles a second, as the kernel says of the first core.
fn clock_rate() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("cpu MHz"))?;
    let mega: f64 = line.split_once(':')?.1.trim().parse().ok()?;
    Some(mega * 1e6)
}

fn random() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SIZE);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while bytes.len() < SIZE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Lines as a dump has them: words from a vocabulary, numbers that grow.
fn text() -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "node",
        "user",
        "article",
        "field",
        "order",
        "price",
        "product",
        "revision",
        "comment",
        "session",
        "taxonomy",
        "language",
        "published",
        "created",
        "changed",
        "status",
    ];
    let noise = random();
    let mut bytes = Vec::with_capacity(SIZE + 256);
    for (number, eight) in noise.chunks(8).enumerate() {
        let words: Vec<&str> = eight
            .iter()
            .map(|byte| WORDS[usize::from(byte & 15)])
            .collect();
        bytes.extend_from_slice(
            format!("({number},'{}',{}),\n", words.join(" "), eight[0]).as_bytes(),
        );
        if bytes.len() >= SIZE {
            break;
        }
    }
    bytes.truncate(SIZE);
    bytes
}
