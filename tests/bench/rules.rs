//! What all rules together cost a warm vend: instructions, and pairs of runs.

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tests::lambda_runtime::LambdaRuntime;
use tests::process::{Process, binary};

use crate::cpu::Pinned;
use crate::lambda::{Bench, Function, every_rule, rules_of_the_service};
use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};

/// The two take turns, so that whatever else the machine does meets both.
const ROUNDS: usize = 40;
const PER_ROUND: usize = 250;
/// Invocations under callgrind: the difference of two runs is free of the start.
const FEW: usize = 100;
const MANY: usize = 500;

struct Side {
    name: &'static str,
    bench: Bench,
    runtime: LambdaRuntime,
    process: Process,
    samples: Samples,
}

impl Side {
    async fn start(name: &'static str, bench: Bench) -> Self {
        let runtime = LambdaRuntime::start().await;
        let process = Function::Vending.start(&bench, &runtime);
        bench.invoke(&runtime).await;
        Self { name, bench, runtime, process, samples: Samples::default() }
    }
}

pub async fn cost() -> anyhow::Result<Part> {
    let pinned = Pinned::new();
    let bare = Side::start("no rule", Bench::start().await).await;
    let ruled = Side::start("every rule", Bench::start_with(every_rule(), rules_of_the_service()).await).await;
    let mut sides = [bare, ruled];
    if let Some(pinned) = &pinned {
        for side in &sides {
            pinned.place(side.process.child.id(), true);
        }
    }
    for _ in 0..ROUNDS {
        for side in &mut sides {
            for _ in 0..PER_ROUND {
                side.samples.push(side.bench.invoke(&side.runtime).await.1);
            }
        }
    }
    drop(pinned);
    let mut instructions = Vec::new();
    for side in &sides {
        let (few, many) = (under_callgrind(&side.bench, FEW).await?, under_callgrind(&side.bench, MANY).await?);
        instructions.push((many - few) / (MANY - FEW) as u64);
    }
    let rows: Vec<_> = sides.iter().map(|side| side.samples.row(side.name)).collect();
    let rows = rows.join("\n");
    let details = format!(
        "Every rule: `source_cidrs`, `allowed_scopes`, `expires_at`, `issuer`, a session policy for the prefix, a duration, an \
         external id and `observe` in the item; required scopes, audiences, a rate limit, a failure limit and `OBSERVE_RULES` in the \
         service. The two functions take turns, {PER_ROUND} invocations each. The policy is what STS has to be sent as well.\n\n\
         {ROW_HEAD}\n{rows}\n\nInstructions an invocation, by callgrind ({MANY} invocations less {FEW}): {} without and {} with.",
        instructions[0], instructions[1]
    );
    let [bare, ruled] = &sides;
    let slower = |time: Duration| Quantity::Time(time * 11 / 10);
    let figures = vec![
        Figure {
            what: "warm vend with every rule: instructions (reach: 1.1 × without)",
            part: "rules",
            ours: Quantity::Count(instructions[1]),
            reach: Quantity::Count(instructions[0] * 11 / 10),
            peers: vec![("without", Quantity::Count(instructions[0]))],
        },
        Figure {
            what: "warm vend with every rule: p50 (reach: 1.1 × without)",
            part: "rules",
            ours: Quantity::Time(ruled.samples.median()),
            reach: slower(bare.samples.median()),
            peers: vec![("without", Quantity::Time(bare.samples.median()))],
        },
    ];
    Ok(Part { title: "The cost of rules", figures, details })
}

async fn under_callgrind(bench: &Bench, invocations: usize) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("callgrind.out");
    let runtime = LambdaRuntime::start().await;
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(binary("vending-lambda"));
    command.env_clear().envs(bench.environment()).envs(runtime.environment());
    let mut process = Process::spawn(command);
    for _ in 0..invocations {
        bench.invoke(&runtime).await;
    }
    process.stop().await;
    let written = std::fs::read_to_string(&file).context("callgrind wrote nothing")?;
    let total =
        written.lines().rev().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    Ok(total.context("callgrind wrote no total")?.trim().parse()?)
}
