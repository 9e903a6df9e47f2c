//! `audit --prefix P`: whose credentials reach a prefix.

use super::Setting;
use super::question::Reach;
use crate::error::Error;
use crate::item::{Item, SCOPE_PREFIX};
use crate::table::Table;

pub(super) async fn reach(setting: &Setting<'_>, prefix: &str) -> Result<Reach, Error> {
    let items = Table::open(setting.governed, &setting.aws().await?)?.scan().await?;
    setting.log.info(
        "these were vended credentials that reach the prefix; who read or wrote there is in CloudTrail's data events \
         (deploy/athena/who-used-a-prefix.sql)",
    );
    Ok(of_items(&items, prefix))
}

fn of_items(items: &[Item], prefix: &str) -> Reach {
    let mut reach = Reach::default();
    for item in items.iter().filter(|item| item.text("s3_path_prefix").is_some_and(|own| overlaps(own, prefix))) {
        if item.key.starts_with(SCOPE_PREFIX) {
            reach.roles.extend(item.text("role_arn").map(str::to_owned));
        } else {
            reach.clients.insert(item.key.clone());
        }
    }
    reach
}

/// One lies under the other.
fn overlaps(one: &str, other: &str) -> bool {
    let (one, other) = (folder(one), folder(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// A prefix is a folder, with or without the last slash.
fn folder(prefix: &str) -> String {
    let trimmed = prefix.trim_matches('/');
    if trimmed.is_empty() { String::new() } else { format!("{trimmed}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps() {
        for (one, other, overlap) in [
            ("logs/a/", "logs/a/", true),
            ("logs/a", "logs/a/b/", true),
            ("logs/a/b/", "/logs/a", true),
            ("logs/a/", "logs/ab/", false),
            ("logs/a/", "", true),
            ("logs/a/", "data/", false),
        ] {
            assert_eq!(overlaps(one, other), overlap, "{one} {other}");
        }
    }
}
