//! Hundreds of checks at once: a thread each, so many at a time, each cut off at its own deadline.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ce_record::{Cause, Finding, Record, State};

use super::file::Job;
use super::queue::Queue;
use crate::check::{Observe, Subject};
use crate::context::Context;
use crate::runner;

/// A thread's stack, in bytes: a TLS handshake with a long chain fits several times. Untouched pages cost nothing.
const STACK_BYTES: usize = 512 << 10;

/// How a run went, for its own record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Checks in the file.
    pub(super) checks: usize,
    /// Checks that could not be understood.
    pub(super) broken: usize,
    /// Checks that were cut off, their threads left behind in the kernel.
    pub(super) cut_off: usize,
}

struct Done {
    job: usize,
    findings: Vec<Finding>,
    took: Duration,
}

/// What is under way, by job.
struct UnderWay {
    target: usize,
    started: Instant,
    expires: Instant,
    context: Context,
}

pub(super) struct Engine<'a> {
    jobs: &'a [Job],
    common: Context,
    concurrency: usize,
    queue: Queue,
    /// Jobs whose time has not come, soonest first.
    later: VecDeque<(Instant, usize)>,
    under_way: Vec<Option<UnderWay>>,
    running: usize,
    expiries: BTreeSet<(Instant, usize)>,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
    tally: Tally,
}

impl<'a> Engine<'a> {
    /// Starts are spread over `jitter`, each job at its own place in it, the same in every run.
    pub(super) fn new(
        jobs: &'a [Job],
        common: Context,
        concurrency: usize,
        jitter: Duration,
    ) -> Self {
        let (sender, receiver) = channel();
        let start = Instant::now();
        let mut later: Vec<(Instant, usize)> = (0..jobs.len())
            .map(|job| (start + offset(&jobs[job], jitter), job))
            .collect();
        later.sort();
        Self {
            jobs,
            common,
            concurrency,
            queue: Queue::default(),
            later: later.into(),
            under_way: jobs.iter().map(|_| None).collect(),
            running: 0,
            expiries: BTreeSet::new(),
            sender,
            receiver,
            tally: Tally {
                checks: jobs.len(),
                ..Tally::default()
            },
        }
    }

    /// Runs every job and hands over its records as they come.
    pub(super) fn run(mut self, mut emit: impl FnMut(Vec<Record>)) -> Tally {
        loop {
            let now = Instant::now();
            while self.later.front().is_some_and(|(due, _)| *due <= now) {
                if let Some((_, job)) = self.later.pop_front() {
                    self.queue.push(&target(&self.jobs[job]), job);
                }
            }
            while self.running < self.concurrency {
                let Some((job, target)) = self.queue.next() else {
                    break;
                };
                self.start(job, target, &mut emit);
            }
            if self.running == 0 && self.later.is_empty() {
                return self.tally;
            }
            let next_expiry = self.expiries.first().map(|(at, _)| *at);
            let next_start = self.later.front().map(|(at, _)| *at);
            let wake = [next_expiry, next_start]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(now + Duration::from_secs(1));
            match self
                .receiver
                .recv_timeout(wake.saturating_duration_since(Instant::now()))
            {
                Ok(done) => self.finish(done, &mut emit),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.cut_off(&mut emit);
                }
            }
        }
    }

    fn start(&mut self, job: usize, target: usize, emit: &mut impl FnMut(Vec<Record>)) {
        let timeout = self.jobs[job].timeout;
        let started = Instant::now();
        let context = Context {
            now: runner::this_millisecond(),
            deadline: started + timeout,
            timeout,
            ..self.common.clone()
        };
        let spawned = match &self.jobs[job].observe {
            Err(fault) => {
                self.tally.broken += 1;
                Err(runner::explain(fault))
            }
            Ok(observe) => spawn(
                job,
                Arc::clone(observe),
                context.clone(),
                self.sender.clone(),
            )
            .map_err(|error| {
                Finding::new(State::Unknown, format!("cannot start a thread: {error}"))
                    .cause(Cause::INTERNAL)
            }),
        };
        match spawned {
            Err(finding) => {
                self.queue.done(target);
                emit(self.records(job, vec![finding], &context, Duration::ZERO));
            }
            Ok(()) => {
                let expires = context.deadline + runner::GRACE;
                self.running += 1;
                self.expiries.insert((expires, job));
                self.under_way[job] = Some(UnderWay {
                    target,
                    started,
                    expires,
                    context,
                });
            }
        }
    }

    fn finish(&mut self, done: Done, emit: &mut impl FnMut(Vec<Record>)) {
        // A job that was cut off has been reported already.
        if let Some(under_way) = self.release(done.job) {
            emit(self.records(done.job, done.findings, &under_way.context, done.took));
        }
    }

    /// Reports the jobs whose time is over; their threads may never come back.
    fn cut_off(&mut self, emit: &mut impl FnMut(Vec<Record>)) {
        while let Some((expires, job)) = self.expiries.first().copied() {
            if expires > Instant::now() {
                break;
            }
            if let Some(under_way) = self.release(job) {
                self.tally.cut_off += 1;
                let finding = runner::no_result(under_way.context.timeout);
                emit(self.records(
                    job,
                    vec![finding],
                    &under_way.context,
                    under_way.started.elapsed(),
                ));
            }
        }
    }

    fn release(&mut self, job: usize) -> Option<UnderWay> {
        let under_way = self.under_way[job].take()?;
        self.running -= 1;
        self.expiries.remove(&(under_way.expires, job));
        self.queue.done(under_way.target);
        Some(under_way)
    }

    fn records(
        &self,
        job: usize,
        findings: Vec<Finding>,
        context: &Context,
        took: Duration,
    ) -> Vec<Record> {
        let job = &self.jobs[job];
        let findings = findings
            .into_iter()
            .map(|finding| file_under(&job.subject, finding))
            .collect();
        let mut records = runner::stamp(&job.check, findings, context, took);
        for record in &mut records {
            record.ttl_s = job.ttl.map(|ttl| ttl.as_secs());
        }
        records
    }
}

fn spawn(
    job: usize,
    observe: Arc<dyn Observe>,
    context: Context,
    sender: Sender<Done>,
) -> std::io::Result<()> {
    let body = move || {
        let started = Instant::now();
        let findings = runner::findings(&*observe, &context);
        let _ = sender.send(Done {
            job,
            findings,
            took: started.elapsed(),
        });
    };
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(body)
        .map(|_| ())
}

/// What the file says a check is about wins over what the check says, but for the parts that it tells apart itself.
fn file_under(subject: &Subject, finding: Finding) -> Finding {
    Finding {
        host: subject.host.clone().or(finding.host),
        object: finding.object.or_else(|| subject.object.clone()),
        ..finding
    }
}

/// The machine asked; checks of this one have a line each, for they wait for nothing in common.
fn target(job: &Job) -> String {
    job.subject
        .host
        .clone()
        .unwrap_or_else(|| format!(" {}", job.check))
}

/// A place within the jitter that depends on nothing but what the check is about (FNV-1a).
fn offset(job: &Job, jitter: Duration) -> Duration {
    let words = [
        Some(&job.check),
        job.subject.host.as_ref(),
        job.subject.object.as_ref(),
    ];
    let bytes = words
        .into_iter()
        .flatten()
        .flat_map(|word| word.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let jitter_ms = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(hash.checked_rem(jitter_ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    struct Stub(fn() -> Result<Vec<Finding>, Fault>);

    impl Observe for Stub {
        fn observe(&self, _: &Context) -> Result<Vec<Finding>, Fault> {
            (self.0)()
        }
    }

    fn job(name: &str, timeout: Duration, body: fn() -> Result<Vec<Finding>, Fault>) -> Job {
        Job {
            check: name.to_owned(),
            subject: Subject::remote(name),
            observe: Ok(Arc::new(Stub(body))),
            timeout,
            ttl: Some(Duration::from_secs(60)),
        }
    }

    #[test]
    fn panics_faults_and_hangs_are_reported_and_the_rest_goes_on() {
        let fine = || Ok(vec![Finding::new(State::Ok, "fine")]);
        let second = Duration::from_secs(1);
        let jobs = [
            job("panic", second, || panic!("oh no")),
            job("fault", second, || {
                Err(Fault::Absent("no such thing".to_owned()))
            }),
            job("hang", Duration::from_millis(50), || {
                loop {
                    std::thread::park();
                }
            }),
            job("fine", second, fine),
        ];
        let context = runner::context(&ce_cli::Common::default());
        let mut records = Vec::new();
        let tally = Engine::new(&jobs, context, 1, Duration::ZERO).run(|more| records.extend(more));
        records.sort_by(|a, b| a.check.cmp(&b.check));
        let said: Vec<(&str, State, &str)> = records
            .iter()
            .map(|record| (record.check.as_str(), record.state, record.summary.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("fault", State::Unknown, "no such thing"),
                ("fine", State::Ok, "fine"),
                ("hang", State::Unknown, "no result within 0.05 s"),
                (
                    "panic",
                    State::Unknown,
                    "internal error: oh no; please report this"
                ),
            ]
        );
        assert!(records.iter().all(|record| record.ttl_s == Some(60)));
        assert_eq!((tally.checks, tally.cut_off), (4, 1));
    }

    #[test]
    fn jitter_gives_every_check_its_own_place_within_it_and_the_same_each_time() {
        let second = Duration::from_secs(1);
        let jobs: Vec<Job> = (0..100)
            .map(|n| job(&format!("c{n}"), second, || Ok(vec![])))
            .collect();
        let offsets = || {
            jobs.iter()
                .map(|job| offset(job, second))
                .collect::<Vec<_>>()
        };
        assert_eq!(offsets(), offsets());
        assert!(offsets().iter().all(|offset| *offset < second));
        assert!(offsets().iter().collect::<BTreeSet<_>>().len() > 80);
        assert_eq!(offset(&jobs[0], Duration::ZERO), Duration::ZERO);
    }
}
