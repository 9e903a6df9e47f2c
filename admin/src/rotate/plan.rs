//! What to do about the secrets that there are, and what an earlier run has left: a decision, and no call.

use thiserror::Error;

use super::record::Record;
use super::secrets::Secret;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// One secret: a new one beside it.
    Rotate { old: Secret },
    /// An earlier run was interrupted before anybody had the new secret: that one goes, and a new one comes.
    /// Where it is not certain, the new one was added at about that time, and nothing says by whom.
    DiscardAndRotate { old: Secret, new: Secret, is_certain: bool },
    /// An earlier run was interrupted after the new secret was in place, or keeps the old one for a while.
    Finish { old: Secret, keep_old_until: u64, is_recorded: bool },
}

/// Why nothing is done. Whatever it says, no secret was touched.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Undecided {
    #[error("the client has no secret, so there is none to rotate")]
    NoSecret,
    #[error(
        "the client has two secrets, and no rotation of this machine and user has left them: {older} and {newer}. \
         `--finish` deletes the older one, once the client uses the newer; where nobody has the newer one, delete that: \
         {delete_newer}"
    )]
    TwoSecrets { older: String, newer: String, delete_newer: String },
    #[error(
        "the client has two secrets, {one} and {other}, and their dates do not say which one is older. Delete the one that the \
         client does not use: {delete_one}, or {delete_other}"
    )]
    SameAge { one: String, other: String, delete_one: String, delete_other: String },
    #[error(
        "the command of an earlier run failed or did not end, so nobody here knows whether the client has the new secret {new}; \
         both work. If it has, `--finish` deletes the old one, {old}; if not, delete the new one: {delete_new}"
    )]
    UnknownHandOver { old: String, new: String, delete_new: String },
    #[error("the new secret {new} was never handed over: run the command without `--finish`")]
    NotHandedOver { new: String },
    #[error("the client has {count} secrets; this program knows of two at most")]
    TooMany { count: usize },
}

/// `is_handed_over` looks at what is recorded; `command` is the AWS CLI's for deleting a secret by its id.
pub(super) fn plan(
    secrets: &[Secret],
    record: Option<&Record>,
    finish: bool,
    command: impl Fn(&Secret) -> String,
) -> Result<Plan, Undecided> {
    let [older, newer] = match secrets {
        [] => return Err(Undecided::NoSecret),
        [only] => return Ok(Plan::Rotate { old: only.clone() }),
        [first, second] if second.created < first.created => [second, first],
        [first, second] => [first, second],
        more => return Err(Undecided::TooMany { count: more.len() }),
    };
    let Some((record, old, new)) = record.and_then(|record| matching(record, [older, newer])) else {
        // 0: without a date. The order of the list says nothing.
        if older.created == 0 || older.created == newer.created {
            return Err(Undecided::SameAge {
                one: older.to_string(),
                other: newer.to_string(),
                delete_one: command(older),
                delete_other: command(newer),
            });
        }
        if finish {
            return Ok(Plan::Finish { old: older.clone(), keep_old_until: 0, is_recorded: false });
        }
        let (older, newer) = (older.to_string(), (newer.to_string(), command(newer)));
        return Err(Undecided::TwoSecrets { older, newer: newer.0, delete_newer: newer.1 });
    };
    match record.stage.is_handed_over() {
        Some(true) => {
            let keep_old_until = record.stage.keep_old_until();
            Ok(Plan::Finish { old: old.clone(), keep_old_until, is_recorded: true })
        }
        Some(false) if finish => Err(Undecided::NotHandedOver { new: new.to_string() }),
        Some(false) => Ok(Plan::DiscardAndRotate {
            old: old.clone(),
            new: new.clone(),
            is_certain: record.new_secret_id.is_some(),
        }),
        None if finish => Ok(Plan::Finish { old: old.clone(), keep_old_until: 0, is_recorded: true }),
        None => {
            let (old, delete_new) = (old.to_string(), command(new));
            Err(Undecided::UnknownHandOver { old, new: new.to_string(), delete_new })
        }
    }
}

/// The record, and which of the two is the old and which the new one; `None` where it tells of others.
fn matching<'a>(record: &'a Record, both: [&'a Secret; 2]) -> Option<(&'a Record, &'a Secret, &'a Secret)> {
    let old = both.into_iter().find(|secret| secret.id == record.old_secret_id)?;
    let new = both.into_iter().find(|secret| secret.id != record.old_secret_id)?;
    let is_ours = match &record.new_secret_id {
        Some(id) => *id == new.id,
        // The response with the id was lost. Clocks of two machines differ a little.
        None => new.created.saturating_add(CLOCKS_DIFFER) >= record.started,
    };
    is_ours.then_some((record, old, new))
}

const CLOCKS_DIFFER: u64 = 60;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::new_secret::fingerprint;
    use super::super::record::Stage;
    use super::*;

    fn secret(id: &str, created: u64) -> Secret {
        Secret { id: id.to_owned(), created }
    }

    fn record(new: Option<&str>, stage: Stage) -> Record {
        Record { old_secret_id: "a".to_owned(), new_secret_id: new.map(str::to_owned), started: 1000, stage }
    }

    fn planned(secrets: &[Secret], record: Option<&Record>, finish: bool) -> Result<Plan, Undecided> {
        plan(secrets, record, finish, |secret| format!("delete {}", secret.id))
    }

    #[test]
    fn none_one_and_three() {
        assert_eq!(planned(&[], None, false), Err(Undecided::NoSecret));
        let stale = record(Some("b"), Stage::Adding);
        for record in [None, Some(&stale)] {
            let plan = planned(&[secret("a", 1)], record, false);
            assert_eq!(plan, Ok(Plan::Rotate { old: secret("a", 1) }));
        }
        let three = [secret("a", 1), secret("b", 2), secret("c", 3)];
        assert_eq!(planned(&three, None, true), Err(Undecided::TooMany { count: 3 }));
    }

    #[test]
    fn two_that_nobody_here_knows() {
        for both in [[secret("a", 1), secret("b", 2)], [secret("b", 2), secret("a", 1)]] {
            assert!(
                matches!(planned(&both, None, false), Err(Undecided::TwoSecrets { delete_newer, .. }) if delete_newer == "delete b")
            );
            assert_eq!(
                planned(&both, None, true),
                Ok(Plan::Finish { old: secret("a", 1), keep_old_until: 0, is_recorded: false })
            );
        }
        // The record tells of another rotation.
        let both = [secret("x", 1), secret("y", 2)];
        assert!(matches!(
            planned(&both, Some(&record(Some("b"), Stage::Adding)), false),
            Err(Undecided::TwoSecrets { .. })
        ));
        // The response was lost, and somebody else had added one long before.
        let both = [secret("a", 1), secret("b", 900)];
        assert!(matches!(planned(&both, Some(&record(None, Stage::Adding)), false), Err(Undecided::TwoSecrets { .. })));
    }

    #[test]
    fn nothing_is_older_by_its_place_in_the_list() {
        for (first, second) in [(7, 7), (0, 0), (0, 7), (7, 0)] {
            let both = [secret("a", first), secret("b", second)];
            for finish in [false, true] {
                let undecided = planned(&both, None, finish);
                let Err(Undecided::SameAge { mut delete_one, mut delete_other, .. }) = undecided else {
                    panic!("{first} {second}: {undecided:?}")
                };
                if delete_one > delete_other {
                    std::mem::swap(&mut delete_one, &mut delete_other);
                }
                assert_eq!((delete_one.as_str(), delete_other.as_str()), ("delete a", "delete b"));
            }
        }
        // Whoever has a record knows by the ids.
        let both = [secret("b", 1001), secret("a", 1001)];
        let handed = record(Some("b"), Stage::HandedOver { keep_old_until: 0 });
        let finish = Plan::Finish { old: both[1].clone(), keep_old_until: 0, is_recorded: true };
        assert_eq!(planned(&both, Some(&handed), true), Ok(finish));
    }

    #[test]
    fn what_an_interrupted_run_has_left() {
        let both = [secret("a", 1), secret("b", 1001)];
        let discard =
            |is_certain| Ok(Plan::DiscardAndRotate { old: both[0].clone(), new: both[1].clone(), is_certain });
        let finish = |keep_old_until| Ok(Plan::Finish { old: both[0].clone(), keep_old_until, is_recorded: true });
        for new in [None, Some("b")] {
            assert_eq!(planned(&both, Some(&record(new, Stage::Adding)), false), discard(new.is_some()));
            assert!(matches!(
                planned(&both, Some(&record(new, Stage::Adding)), true),
                Err(Undecided::NotHandedOver { .. })
            ));
        }
        let handed = record(Some("b"), Stage::HandedOver { keep_old_until: 5 });
        assert_eq!(planned(&both, Some(&handed), false), finish(5));
        let unknown = record(Some("b"), Stage::HandingOverToCommand { keep_old_until: 7 });
        assert!(matches!(planned(&both, Some(&unknown), false), Err(Undecided::UnknownHandOver { .. })));
        assert_eq!(planned(&both, Some(&unknown), true), finish(0));
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("secret");
        let to_file = Stage::HandingOverToFile { path: path.clone(), sha256: fingerprint(b"new\n"), keep_old_until: 7 };
        let to_file = record(Some("b"), to_file);
        assert_eq!(planned(&both, Some(&to_file), false), discard(true));
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(planned(&both, Some(&to_file), false), finish(7));
        std::fs::write(&path, "other\n").unwrap();
        assert_eq!(planned(&both, Some(&to_file), false), discard(true));
    }
}
