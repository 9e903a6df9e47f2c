//! The shipper's own configuration: whether the file that is checked is one that the shipper reads, and what in it is
//! known to go wrong.

use std::path::{Path, PathBuf};

use environment::Target;

use super::settings::Settings;
use super::start::Start;
use super::{Check, Shipper, command_line};
use crate::error::Error;

/// What is read: the file that the command line of the doctor names, or those that the shipper's own command line names.
pub(super) fn read(
    check: &mut Check<'_>,
    given: Option<&Path>,
    start: Option<&Start>,
) -> Result<Option<Settings>, Error> {
    let files = start.map(|start| command_line::files(check.shipper, start));
    if let (Some(given), Some(start), Some(files)) = (given, start, &files) {
        check.is_read(given, start, files)?;
    }
    let files = match (given, files) {
        (Some(given), _) if check.shipper == Shipper::FluentBit => command_line::with_includes(vec![given.to_owned()]),
        (Some(given), _) => vec![given.to_owned()],
        (None, Some(files)) => files,
        (None, None) => usual(check.shipper).iter().map(PathBuf::from).filter(|path| path.exists()).take(1).collect(),
    };
    if files.is_empty() {
        let fix = "name it with --shipper-config, or the shipper's unit with --shipper-unit";
        check.warn("config", "no configuration in the usual places", fix)?;
        return Ok(None);
    }
    let mut settings = Settings::default();
    for path in &files {
        match check.reader.read(path) {
            Ok(text) => settings = settings.with(Settings::parse(&text)),
            Err(problem) => {
                let whose = start.filter(|_| given.is_none()).map(|start| format!(" ({} reads it)", start.name));
                let detail = format!("`{}`{}: {problem}", path.display(), whose.unwrap_or_default());
                check.fail("config", detail, "put the configuration there, readable for the shipper's user")?;
                return Ok(None);
            }
        }
    }
    let names: Vec<String> = files.iter().map(|path| format!("`{}`", path.display())).collect();
    check.configuration = names.join(", ");
    Ok(Some(settings))
}

/// Where a shipper's package or image puts it, for a shipper whose command line is not known.
fn usual(shipper: Shipper) -> &'static [&'static str] {
    match shipper {
        Shipper::Vector => &["/etc/vector/vector.yaml", "/etc/vector/vector.toml"],
        Shipper::FluentBit => {
            &["/etc/fluent-bit/fluent-bit.conf", "/etc/fluent-bit/fluent-bit.yaml", "/fluent-bit/etc/fluent-bit.conf"]
        }
        Shipper::Logstash => &["/etc/logstash/conf.d/credvend.conf", "/etc/logstash/conf.d/logstash.conf"],
    }
}

/// Looks for what is known to go wrong; `target` gives the identity's bucket and prefix.
pub(super) fn check(check: &mut Check<'_>, settings: &Settings, target: Option<&Target>) -> Result<(), Error> {
    let mut has_found = check.keys_in(settings)?;
    has_found |= check.traps(settings)?;
    has_found |= check.probes(settings)?;
    if let Some(target) = target {
        has_found |= check.target(settings, target)?;
    }
    if has_found {
        return Ok(());
    }
    let detail = format!("{}: no known trap", check.configuration);
    check.ok("config", detail)
}

/// Each check says whether it found something.
impl Check<'_> {
    fn is_read(&mut self, given: &Path, start: &Start, files: &[PathBuf]) -> Result<(), Error> {
        let same = |path: &PathBuf| path == given || path.canonicalize().ok() == given.canonicalize().ok();
        if !given.exists() || files.iter().any(same) {
            return Ok(());
        }
        let read: Vec<String> = files.iter().map(|path| format!("`{}`", path.display())).collect();
        let read = if read.is_empty() { "no file".to_owned() } else { read.join(", ") };
        let detail = format!("`{}` is not read: {} reads {read}", given.display(), start.name);
        let fix = "move its content there, include it, or name it in the unit's ExecStart (docs/shippers.md)";
        self.fail("config", detail, fix)
    }

    fn keys_in(&mut self, settings: &Settings) -> Result<bool, Error> {
        let mut has_found = false;
        for key in ["access_key_id", "secret_access_key", "session_token"] {
            if settings.value(key).is_some() {
                let detail = format!("`{key}` is set: it wins over the environment, and stays after it has expired");
                self.fail("config", detail, "remove it: without it the shipper asks the SDK's chain")?;
                has_found = true;
            }
        }
        for key in ["aws_credentials_file", "credentials_file"] {
            if settings.value(key).is_some() {
                let fix = "remove it, or restart the shipper at each refresh of the file";
                self.warn("config", format_args!("`{key}` is set: {}", self.shipper.rereading()), fix)?;
                has_found = true;
            }
        }
        Ok(has_found)
    }

    fn traps(&mut self, settings: &Settings) -> Result<bool, Error> {
        let mut has_found = false;
        for key in ["role_arn", "assume_role"] {
            if settings.value(key).is_some() {
                let fix = "remove it: credvend's credentials are the role's already";
                self.warn("config", format_args!("`{key}` is set: the shipper assumes a second role"), fix)?;
                has_found = true;
            }
        }
        if settings.is_localhost() && self.shipper == Shipper::FluentBit {
            let detail = "AWS_CONTAINER_CREDENTIALS_FULL_URI names `localhost`, which Fluent Bit refuses";
            self.fail("config", detail, "write 127.0.0.1")?;
            has_found = true;
        }
        if self.shipper == Shipper::FluentBit && settings.value("bucket").is_some() {
            has_found |= self.retries(settings)?;
        }
        Ok(self.access_control_list(settings)? || has_found)
    }

    /// What Fluent Bit does with a chunk that S3 does not take.
    fn retries(&mut self, settings: &Settings) -> Result<bool, Error> {
        let limit = settings.value("retry_limit");
        let is_enough = limit.and_then(|limit| limit.parse::<u32>().ok()).is_some_and(|limit| limit >= MANY_RETRIES);
        if !is_enough {
            let detail = format!(
                "`retry_limit` is {}: Fluent Bit moves a chunk into quarantine after so many tries, and never sends it again",
                limit.unwrap_or("5, its default")
            );
            self.warn("config", detail, "retry_limit 1000, and a store_dir that outlives a restart")?;
        }
        let store = settings.value("store_dir").unwrap_or("/tmp/fluent-bit/s3, its default");
        let is_lost = store.starts_with("/tmp/") || store.starts_with("/var/tmp/") || store.starts_with("/dev/shm/");
        if is_lost {
            let detail = format!("`store_dir` is {store}: what waits for S3 is gone when the folder is emptied");
            self.warn("config", detail, "store_dir /var/lib/fluent-bit/credvend")?;
        }
        Ok(!is_enough || is_lost)
    }

    /// credvend's policies allow one ACL, and buckets without ACLs take no other.
    fn access_control_list(&mut self, settings: &Settings) -> Result<bool, Error> {
        let key = if self.shipper == Shipper::Vector { "acl" } else { "canned_acl" };
        // Logstash sends its default, too (logstash-output-s3, "canned_acl").
        let default = (self.shipper == Shipper::Logstash && settings.value("bucket").is_some()).then_some("private");
        let wrong = settings.values(key).find(|value| *value != OWNER_ALONE);
        let Some(sent) = wrong.or(default.filter(|_| settings.value(key).is_none())) else { return Ok(false) };
        let detail = format!("{} sends the ACL `{sent}`, which a bucket without ACLs refuses", self.shipper.name());
        self.fail("config", detail, &format!("set `{key}` to `{OWNER_ALONE}`"))?;
        Ok(true)
    }

    /// What a shipper does at its start that an identity held to a prefix may not.
    fn probes(&mut self, settings: &Settings) -> Result<bool, Error> {
        match self.shipper {
            Shipper::Vector if !settings.has_no_health_check() => {
                let detail = "the health check asks for the bucket itself, which an identity held to a prefix may not";
                self.warn("config", detail, "healthcheck: {enabled: false}")?;
            }
            Shipper::Logstash if settings.value("validate_credentials_on_root_bucket") != Some("false") => {
                let detail =
                    "at its start it writes to the root of the bucket, which an identity held to a prefix may not";
                self.fail("config", detail, "validate_credentials_on_root_bucket => false")?;
            }
            Shipper::Vector | Shipper::Logstash | Shipper::FluentBit => return Ok(false),
        }
        Ok(true)
    }

    /// Bucket and prefix of the identity: S3 refuses what is written elsewhere.
    fn target(&mut self, settings: &Settings, target: &Target) -> Result<bool, Error> {
        let bucket = target.bucket.as_deref().unwrap_or_default();
        if !bucket.is_empty() && !settings.hold(bucket) {
            let fix = "write to the identity's bucket; it may not write elsewhere";
            match settings.value("bucket").filter(|other| variable(other).is_none()) {
                Some(other) => self.fail("config", format_args!("`bucket` is `{other}`, not `{bucket}`"), fix)?,
                None => self.warn("config", format_args!("no setting names the bucket `{bucket}`"), fix)?,
            }
            return Ok(true);
        }
        if target.prefix.is_empty() {
            return Ok(false);
        }
        let (key, default) = self.shipper.prefix_setting();
        let set: Vec<&str> = settings.values(key).collect();
        let values = if set.is_empty() && settings.value("bucket").is_some() { vec![default] } else { set };
        let prefix = &target.prefix;
        let fix = format!("begin `{key}` with `{prefix}`; the identity may not write elsewhere");
        let outside = values.iter().find(|value| lies_under(value, prefix) == Some(false));
        if let Some(outside) = outside {
            let detail = format!("`{key}` is `{outside}`, which does not lie under the identity's `{prefix}`");
            // Another output may be another identity's.
            if values.iter().any(|value| lies_under(value, prefix) == Some(true)) {
                self.warn("config", detail, &fix)?;
            } else {
                self.fail("config", detail, &fix)?;
            }
            return Ok(true);
        }
        if values.is_empty() || values.iter().all(|value| lies_under(value, prefix).is_none()) {
            self.warn("config", format_args!("no setting shows that keys lie under the identity's `{prefix}`"), &fix)?;
            return Ok(true);
        }
        Ok(false)
    }
}

const MANY_RETRIES: u32 = 100;
const OWNER_ALONE: &str = "bucket-owner-full-control";

impl Shipper {
    /// The setting that keys begin with, and what it is unless somebody sets it.
    fn prefix_setting(self) -> (&'static str, &'static str) {
        match self {
            Self::Vector => ("key_prefix", "date=%F"),
            Self::FluentBit => ("s3_key_format", "/fluent-bit-logs/$TAG/%Y/%m/%d/%H/%M/%S"),
            Self::Logstash => ("prefix", ""),
        }
    }
}

/// `None`: a template or a variable comes before it can be told.
fn lies_under(value: &str, prefix: &str) -> Option<bool> {
    let value = value.trim_start_matches('/');
    if value.starts_with(prefix) {
        return Some(true);
    }
    match variable(value) {
        Some(at) if prefix.starts_with(&value[..at]) => None,
        _ => Some(false),
    }
}

/// Where the first template or variable begins.
fn variable(value: &str) -> Option<usize> {
    ["{{", "$", "%{"].iter().filter_map(|sign| value.find(sign)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_under_a_prefix() {
        for (value, expected) in [
            ("logs/a/", Some(true)),
            ("/logs/a/%Y/$UUID", Some(true)),
            ("logs/a/{{ host }}/", Some(true)),
            ("logs/a", Some(false)),
            ("logs/ab/", Some(false)),
            ("logs/a-{{ host }}/", Some(false)),
            ("%Y/logs/a/", Some(false)),
            ("", Some(false)),
            ("logs/{{ host }}/", None),
            ("${PREFIX}/", None),
            ("%{[prefix]}", None),
            ("logs/%{name}/", None),
        ] {
            assert_eq!(lies_under(value, "logs/a/"), expected, "{value}");
        }
    }
}
