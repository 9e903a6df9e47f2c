//! `credvend-admin rotate-secret`: a second secret, verified, handed over, and the first deleted. At each moment there is a
//! secret that works, and each message says which.

mod destination;
mod new_secret;
mod plan;
mod record;
mod secrets;
mod verify;

use std::time::UNIX_EPOCH;

use environment::Variables;
use serde_json::json;

use self::destination::{Destination, HandOverError};
use self::new_secret::NewSecret;
use self::plan::{Plan, plan};
use self::record::{Record, RecordFile, Stage};
use self::secrets::{Added, NotAdded, Secret, Secrets};
use self::verify::{Vend, Verifier, is_refusal};
use crate::as_client::AskError;
use crate::audit::Setting;
use crate::cli::RotateArguments;
use crate::date;
use crate::error::Error;
use crate::output;

/// Why the new secret is not in place, and with that whether it may be deleted.
enum NotInPlace {
    /// It is this run's, and the client does not have it.
    NotHandedOver(Error),
    /// It may be another operator's, whose client has it.
    Uncertain(Error),
    /// The command of `--exec` failed after it was started: the client may have it.
    CommandFailed(Error),
}

struct Rotation<'a> {
    setting: &'a Setting<'a>,
    arguments: &'a RotateArguments,
    secrets: Secrets,
    record: RecordFile,
    /// Seconds since 1970.
    now: u64,
}

pub(crate) async fn run(setting: &Setting<'_>, arguments: &RotateArguments) -> Result<(), Error> {
    let id = &arguments.id;
    // Cognito's own pattern, and nothing that means something in a path or a shell.
    if id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+".contains(&byte))
    {
        return Err(Error::ClientId { id: id.clone(), problem: "is no client id of Cognito's" });
    }
    let pool_id = setting.governed.user_pool_id()?;
    if !pool_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err(Error::NoUserPool);
    }
    let settings = setting.aws().await?;
    let variables = Variables::new(setting.lookup);
    let record = RecordFile::open(&variables, pool_id, id)?;
    let now = setting.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Rotation { setting, arguments, secrets: Secrets::new(&settings, pool_id, id), record, now }.run().await
}

impl Rotation<'_> {
    async fn run(&self) -> Result<(), Error> {
        let secrets = self.secrets.list().await?;
        let record = self.record.read()?;
        let finish = self.arguments.finish;
        let plan = plan(&secrets, record.as_ref(), finish, |secret| self.secrets.delete_command(secret))
            .map_err(|undecided| Error::Undecided(undecided.to_string()))?;
        match plan {
            Plan::Rotate { old } if finish => self.nothing_to_finish(&old),
            Plan::Rotate { old } => self.rotate(&old, None).await,
            Plan::DiscardAndRotate { old, new, is_certain } => self.rotate(&old, Some((&new, is_certain))).await,
            Plan::Finish { old, keep_old_until, is_recorded } => {
                // The later of what that run was told and what this one is, both from the start of the rotation.
                let asked = record.as_ref().map_or(0, |record| self.keep_old_until(record.started));
                let until = keep_old_until.max(asked);
                if !finish && until > self.now {
                    return Err(self.old_is_kept(&old, record, until));
                }
                self.finish(&old, &secrets, is_recorded).await
            }
        }
    }

    /// `left_over`: what an interrupted run has left, and whether it is certain that it was that run which added it.
    async fn rotate(&self, old: &Secret, left_over: Option<(&Secret, bool)>) -> Result<(), Error> {
        let destination = self.destination();
        destination.check()?;
        let verifier = Verifier::new(self.arguments, &self.secrets, self.setting.lookup).await?;
        if self.arguments.dry_run {
            return self.say_plan(old, left_over.map(|(new, _)| new));
        }
        if let Some((new, is_certain)) = left_over {
            if !is_certain {
                let question = format!("Delete {new}? An interrupted run added it, or another operator did.");
                output::confirm(
                    "the deletion of a secret that may be another operator's",
                    &question,
                    self.arguments.yes,
                )?;
            }
            self.secrets.delete(new).await?;
            self.say(format_args!("deleted {new}, which an interrupted run had left and nobody has"));
        }
        let value = NewSecret::random().map_err(|problem| Error::Command { problem: problem.to_owned() })?;
        let mut record =
            Record { old_secret_id: old.id.clone(), new_secret_id: None, started: self.now, stage: Stage::Adding };
        self.record.write(&record)?;
        let added = match self.secrets.add(&value, old).await {
            Ok(added) => added,
            Err(not_added) => return Err(self.not_added(old, not_added).await),
        };
        let new = &added.secret;
        self.say(format_args!("added {new}"));
        if let Err(failure) = self.put_in_place(&mut record, &added, &value, &verifier, &destination).await {
            return Err(self.not_in_place(record, old, new, failure).await);
        }
        self.say(format_args!("the new secret is in place"));
        let keep = self.keep_old_until(record.started);
        record.stage = Stage::HandedOver { keep_old_until: keep };
        self.record.write(&record)?;
        if self.arguments.keep_old.is_some() {
            return self.report("rotated", Some(new), old, Some(keep));
        }
        self.delete_old(old, new).await?;
        self.report("rotated", Some(new), old, None)
    }

    /// Verified, then handed over.
    async fn put_in_place(
        &self,
        record: &mut Record,
        added: &Added,
        value: &NewSecret,
        verifier: &Verifier,
        destination: &Destination,
    ) -> Result<(), NotInPlace> {
        if added.is_certain {
            record.new_secret_id = Some(added.secret.id.clone());
            self.record.write(record).map_err(NotInPlace::NotHandedOver)?;
        }
        let not_verified = |error: AskError| {
            let error = Error::Verify { problem: error.to_string(), is_refusal: is_refusal(&error) };
            if added.is_certain { NotInPlace::NotHandedOver(error) } else { NotInPlace::Uncertain(error) }
        };
        match verifier.verify(&self.arguments.id, value).await.map_err(not_verified)? {
            Vend::Credentials => self.say(format_args!("the new secret gets a token, and the token gets credentials")),
            Vend::Refused(code) => self.setting.log.warn(format_args!(
                "the new secret gets a token that the vending API knows; it vends this client nothing, or not here ({code})"
            )),
        }
        // Its value works, so it is this run's.
        record.new_secret_id = Some(added.secret.id.clone());
        let stage = destination.stage(value, self.keep_old_until(record.started));
        record.stage = stage.map_err(|error| NotInPlace::NotHandedOver(Error::Output(error)))?;
        self.record.write(record).map_err(NotInPlace::NotHandedOver)?;
        match destination.hand_over(value) {
            // The file is in place, whatever was said after that.
            Err(error) if record.stage.is_handed_over() == Some(true) => {
                self.setting.log.warn(error.cause);
                Ok(())
            }
            Err(HandOverError { cause, was_started: true }) => Err(NotInPlace::CommandFailed(*cause)),
            Err(HandOverError { cause, was_started: false }) => Err(NotInPlace::NotHandedOver(*cause)),
            Ok(()) => Ok(()),
        }
    }

    async fn not_in_place(&self, mut record: Record, old: &Secret, new: &Secret, failure: NotInPlace) -> Error {
        match failure {
            NotInPlace::NotHandedOver(cause) => {
                record.stage = Stage::Adding;
                let _ = self.record.write(&record);
                self.discard(old, new, cause).await
            }
            NotInPlace::Uncertain(cause) => {
                // Without a record, the next run leaves both alone, too.
                let _ = self.record.remove();
                let why = "no response said which secret was added, and another operator may have added this one";
                self.both_are_left(old, new, why, cause)
            }
            NotInPlace::CommandFailed(cause) => {
                let why = "whether it had passed the new secret on before that, nobody here knows";
                self.both_are_left(old, new, why, cause)
            }
        }
    }

    fn both_are_left(&self, old: &Secret, new: &Secret, why: &'static str, cause: Error) -> Error {
        Error::BothSecretsAreLeft {
            old: old.to_string(),
            new: new.to_string(),
            why,
            finish: self.finish_command(),
            delete_new: self.secrets.delete_command(new),
            cause: Box::new(cause),
        }
    }

    fn keep_old_until(&self, started: u64) -> u64 {
        self.arguments.keep_old.map_or(0, |keep| started.saturating_add(keep.as_secs()))
    }

    fn old_is_kept(&self, old: &Secret, record: Option<Record>, keep_old_until: u64) -> Error {
        if let Some(record) = record.filter(|_| !self.arguments.dry_run) {
            let record = Record { stage: Stage::HandedOver { keep_old_until }, ..record };
            if let Err(error) = self.record.write(&record) {
                return error;
            }
        }
        let until = date::text(keep_old_until).unwrap_or_default();
        Error::OldSecretIsKept { old: old.to_string(), until, finish: self.finish_command() }
    }

    /// Nobody has the new secret: it goes, and everything is as it was.
    async fn discard(&self, old: &Secret, new: &Secret, cause: Error) -> Error {
        let left = match self.secrets.delete(new).await {
            Ok(()) => match self.record.remove() {
                Ok(()) => "the new one is deleted".to_owned(),
                Err(error) => format!("the new one is deleted ({error})"),
            },
            Err(error) => format!("the new one, {new}, is left over, the next run deletes it ({error})"),
        };
        Error::NotRotated { old: old.to_string(), left, cause: Box::new(cause) }
    }

    async fn not_added(&self, old: &Secret, NotAdded { cause, is_refusal }: NotAdded) -> Error {
        if is_refusal {
            let _ = self.record.remove();
            let left = "this run has added none".to_owned();
            return Error::NotRotated { old: old.to_string(), left, cause: Box::new(cause) };
        }
        // Where it cannot be seen whether it was added, the record stays: the next run deletes what is there.
        let left = match self.secrets.list().await {
            Ok(secrets) if secrets.len() < 2 => {
                let _ = self.record.remove();
                "there is no new one"
            }
            _ => "where there is a new one, the next run asks whether to delete it",
        };
        Error::NotRotated { old: old.to_string(), left: left.to_owned(), cause: Box::new(cause) }
    }

    async fn delete_old(&self, old: &Secret, new: &Secret) -> Result<(), Error> {
        let not_deleted = |cause: Error| Error::OldSecretIsLeft {
            old: old.to_string(),
            new: new.to_string(),
            finish: self.finish_command(),
            cause: Box::new(cause),
        };
        self.secrets.delete(old).await.map_err(not_deleted)?;
        self.record.remove()
    }

    async fn finish(&self, old: &Secret, secrets: &[Secret], is_recorded: bool) -> Result<(), Error> {
        let Some(new) = secrets.iter().find(|secret| secret.id != old.id) else { return self.nothing_to_finish(old) };
        if self.arguments.dry_run {
            return output::print(format!("would delete {old}; {new} stays\n").as_bytes());
        }
        if !is_recorded {
            let question = format!("Delete {old}? {new} stays: does the client use it?");
            output::confirm("the end of a rotation that is not on record here", &question, self.arguments.yes)?;
        }
        self.delete_old(old, new).await?;
        if !self.arguments.finish {
            self.say(format_args!(
                "the rotation that was interrupted is finished; run the command again for another one"
            ));
        }
        self.report("finished", Some(new), old, None)
    }

    fn nothing_to_finish(&self, only: &Secret) -> Result<(), Error> {
        if !self.arguments.dry_run {
            self.record.remove()?;
        }
        if self.setting.global.json {
            return output::print_json(&json!({"client_id": self.arguments.id, "change": null, "secret_id": only.id}));
        }
        output::print(format!("nothing to finish: the client has one secret, {only}\n").as_bytes())
    }

    fn destination(&self) -> Destination {
        match (&self.arguments.to_file, &self.arguments.exec) {
            (Some(path), _) => Destination::File(path.clone()),
            // One of them is there: clap has seen to it.
            (None, command) => Destination::Command(command.clone().unwrap_or_default()),
        }
    }

    fn finish_command(&self) -> String {
        format!("credvend-admin rotate-secret {} --finish --user-pool-id {}", self.arguments.id, self.secrets.pool_id)
    }

    /// How far it has come, for a person.
    fn say(&self, words: std::fmt::Arguments<'_>) {
        self.setting.log.info(words);
    }

    fn say_plan(&self, old: &Secret, left_over: Option<&Secret>) -> Result<(), Error> {
        let discard = left_over.map(|new| format!("would delete {new}, which nobody has\n")).unwrap_or_default();
        let then = if self.arguments.keep_old.is_some() { "would keep" } else { "would delete" };
        let text = format!(
            "{discard}would add a secret, verify it and hand it over\n{then} {old}\n(dry run: nothing was changed)\n"
        );
        output::print(text.as_bytes())
    }

    fn report(&self, change: &str, new: Option<&Secret>, old: &Secret, kept_until: Option<u64>) -> Result<(), Error> {
        let until = kept_until.and_then(date::text);
        if self.setting.global.json {
            return output::print_json(&json!({
                "client_id": self.arguments.id, "user_pool_id": self.secrets.pool_id, "change": change,
                "new_secret_id": new.map(|new| &new.id), "old_secret_id": old.id, "old_secret_kept_until": until,
                "finish_command": kept_until.map(|_| self.finish_command())}));
        }
        let text = match until {
            Some(until) => {
                format!("{change}; the old secret {old} works on. From {until} on: {}\n", self.finish_command())
            }
            None => format!("{change}; the old secret {old} is deleted\n"),
        };
        output::print(text.as_bytes())
    }
}
