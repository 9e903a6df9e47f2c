//! Warm invocations of the vending Lambda and its peers; memory and size.

use std::time::Duration;

use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};

use crate::cpu::{Pinned, time_used};
use crate::lambda::{Bench, Function};
use crate::machine;
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples, show};

/// Invocations go in rounds, so that whatever else the machine does meets everybody.
const ROUNDS: usize = 20;
const PER_ROUND: usize = 500;
const PER_ROUND_PYTHON: usize = 50;

struct Warm {
    function: Function,
    runtime: LambdaRuntime,
    process: Process,
    apart: Samples,
    together: Samples,
    /// Of the process itself, per invocation, while apart.
    cpu_time: Duration,
}

impl Warm {
    async fn start(bench: &Bench, function: Function) -> Self {
        let runtime = LambdaRuntime::start().await;
        let process = function.start(bench, &runtime);
        bench.invoke(&runtime).await;
        let (apart, together, cpu_time) = Default::default();
        Self { function, runtime, process, apart, together, cpu_time }
    }

    async fn round(&mut self, bench: &Bench) -> Samples {
        let count = if self.function == Function::Python { PER_ROUND_PYTHON } else { PER_ROUND };
        let mut samples = Samples::default();
        for _ in 0..count {
            samples.push(bench.invoke(&self.runtime).await.1);
        }
        samples
    }

    fn memory(&self) -> u64 {
        machine::process_memory(self.process.child.id(), "VmRSS")
    }
}

async fn rounds(bench: &Bench, running: &mut [Warm], pinned: Option<&Pinned>, apart: bool) {
    for warm in &*running {
        if let Some(pinned) = pinned {
            pinned.place(warm.process.child.id(), apart);
        }
    }
    let used_before: Vec<u64> = running.iter().map(|warm| time_used(warm.process.child.id())).collect();
    for _ in 0..ROUNDS {
        for warm in &mut *running {
            let samples = warm.round(bench).await;
            if apart { &mut warm.apart } else { &mut warm.together }.extend(samples);
        }
    }
    if apart {
        for (warm, before) in running.iter_mut().zip(used_before) {
            let used = Duration::from_nanos(time_used(warm.process.child.id()) - before);
            warm.cpu_time = used / u32::try_from(warm.apart.count()).expect("some ten thousand");
        }
    }
}

pub async fn invocations() -> Part {
    let pinned = Pinned::new();
    let bench = Bench::start().await;
    let mut running = Vec::new();
    for function in Function::ALL {
        running.push(Warm::start(&bench, function).await);
    }
    rounds(&bench, &mut running, pinned.as_ref(), true).await;
    let memory: Vec<u64> = running.iter().map(Warm::memory).collect();
    rounds(&bench, &mut running, pinned.as_ref(), false).await;
    drop(pinned);
    Part { title: "Lambda: warm", details: details(&running), figures: figures(&running, &memory) }
}

fn details(running: &[Warm]) -> String {
    let mut text = format!(
        "From handing out the event to its answer, one at a time: the runtime API's round trip, verification, GetItem and \
         AssumeRole over kept connections, and the audit line into a pipe that is read. Hello world answers the same event \
         with a constant. Rounds of {PER_ROUND} ({PER_ROUND_PYTHON} Python) take turns.\n\nThe figures are those of two \
         CPUs: the harness, which plays the runtime API, DynamoDB and STS, on one, the function on the other, as in \
         Lambda, where none of them shares the function's CPU. Each round trip then wakes an idle CPU twice. On one CPU \
         those wake-ups are gone, and what is left is the work of both sides. Unpinned, the kernel \
         changes between the two as it likes.\n\n{ROW_HEAD}\n"
    );
    for warm in running {
        text += &format!("{}\n", warm.apart.row(&format!("{}, two CPUs", warm.function.name())));
    }
    for warm in running {
        text += &format!("{}\n", warm.together.row(&format!("{}, one CPU", warm.function.name())));
    }
    text += "\nCPU time of the function itself, per invocation (mean, kernel included): ";
    let times: Vec<_> =
        running.iter().map(|warm| format!("{} {}", warm.function.name(), show(warm.cpu_time))).collect();
    text += &times.join(" · ");
    text += &format!(
        ".\n\nResident memory is `VmRSS` after {} invocations. The zip holds the stripped binary as \
         `bootstrap`, deflate level 9; unzipped it is {:.2} MB.",
        running[0].apart.count(),
        in_megabytes(machine::size(&binary("vending-lambda"))),
    );
    text
}

fn figures(running: &[Warm], memory: &[u64]) -> Vec<Figure> {
    let times = |percent| {
        let time = |warm: &Warm| Quantity::Time(warm.apart.percentile(percent));
        let peers = running[1..].iter().map(|warm| (warm.function.name(), time(warm))).collect();
        (time(&running[0]), peers)
    };
    let figure = |what, ours, reach, peers| Figure { what, part: "warm", ours, reach, peers };
    let ((p50, p50_peers), (p99, p99_peers)) = (times(50), times(99));
    let memory_peers = running[1..].iter().zip(&memory[1..]);
    vec![
        figure("warm vend, both AWS calls included: p50", p50, Quantity::Time(Duration::from_micros(500)), p50_peers),
        figure(
            "warm vend: p99 (reach: twice hello world's)",
            p99,
            Quantity::Time(running[1].apart.percentile(99) * 2),
            p99_peers,
        ),
        figure(
            "RSS after 10,000 vends",
            Quantity::Memory(memory[0]),
            Quantity::Memory(8 * 1024 * 1024),
            memory_peers.map(|(warm, bytes)| (warm.function.name(), Quantity::Memory(*bytes))).collect(),
        ),
        figure(
            "zipped size",
            Quantity::Size(machine::zipped_size(&binary("vending-lambda"))),
            Quantity::Size(3_000_000),
            vec![("hello world", Quantity::Size(machine::zipped_size(&binary("hello-lambda"))))],
        ),
    ]
}

#[allow(clippy::cast_precision_loss)] // A binary is far below 2^52 bytes.
fn in_megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
