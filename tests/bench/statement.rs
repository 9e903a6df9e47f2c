//! The query API's check of one statement.

use std::hint::black_box;
use std::time::{Duration, Instant};

use query_lambda::statement::{Access, check};

use crate::report::{Figure, Part, Quantity};
use crate::samples::{ROW_HEAD, Samples};

const RUNS: usize = 20_000;
/// What a dashboard asks: 1 KB with two CTEs, joins, windows and conditions.
const DASHBOARD: &str = include_str!("statement.sql");

pub fn check_of_1_kb() -> Part {
    let checked = check(DASHBOARD).expect("a statement that is understood");
    assert_eq!(checked.access, Access::Read);
    let list = format!("SELECT a FROM t WHERE b IN ({})", vec!["'0123456789'"; 18_000].join(","));
    let (mut dashboard, mut longest) = (Samples::default(), Samples::default());
    for run in 0..RUNS {
        dashboard.push(timed(|| check(black_box(DASHBOARD))));
        if run % 200 == 0 {
            longest.push(timed(|| check(black_box(&list))));
        }
    }
    let details = format!(
        "A query of {} bytes with CTEs, joins and window functions, and one with {} bytes in an `IN` list. Linked without \
         LTO, unlike the Lambda.\n\n{ROW_HEAD}\n{}\n{}\n",
        DASHBOARD.len(),
        list.len(),
        dashboard.row("1 KB"),
        longest.row("an `IN` list of 18,000 values"),
    );
    Part {
        title: "Check of a statement",
        figures: vec![Figure {
            what: "check of a statement of 1 KB",
            part: "statement",
            ours: Quantity::Time(dashboard.median()),
            reach: Quantity::Time(Duration::from_micros(50)),
            peers: Vec::new(),
        }],
        details,
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}
