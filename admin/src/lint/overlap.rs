//! Items whose prefixes hold one another.

use super::Usable;
use super::finding::{Finding, OVERLAP};

/// One finding an item: with the nearest prefix above its own. Whole segments count: `logs/a` does not hold `logs/ab`.
pub(super) fn check(active: &[&Usable<'_>], findings: &mut Vec<Finding>) {
    let whole = |prefix: &str| format!("{}/", prefix.trim_end_matches('/'));
    let mut sorted: Vec<_> = active.iter().map(|one| (whole(&one.mapping.s3_path_prefix), &one.item.key)).collect();
    sorted.sort_unstable();
    // Those that hold the prefix at hand: with the slash at its end, all that a prefix holds follows it.
    let mut above: Vec<&(String, &String)> = Vec::new();
    for one in &sorted {
        while above.last().is_some_and(|(prefix, _)| !one.0.starts_with(prefix.as_str())) {
            above.pop();
        }
        if let Some((prefix, other)) = above.last() {
            let problem = if *prefix == one.0 {
                format!("{other} has the same prefix, {prefix}: both clients read and write over each other's objects")
            } else {
                format!("its prefix {} lies under {prefix} of {other}, which reaches it too", one.0)
            };
            let fix = "give each client a prefix of its own that holds no other's: `credvend-admin clients put ID --s3-path-prefix …`";
            findings.push(Finding::new(&OVERLAP, one.1, problem, fix));
        }
        above.push(one);
    }
}
