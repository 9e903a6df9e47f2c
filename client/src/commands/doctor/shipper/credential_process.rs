//! The command of a profile, as the shipper would start it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Check, Shipper};
use crate::error::Error;

impl Check<'_> {
    pub(super) fn credential_process(&mut self, profile: &str, command: &str) -> Result<(), Error> {
        let fix = "`credvend setup aws-config` prints a command that every program can start";
        if let Some(problem) = self.problem(command) {
            return self.fail("profile", format_args!("credential_process of the profile `{profile}`: {problem}"), fix);
        }
        self.ok("profile", format_args!("`{profile}` runs {}", program(command)))
    }

    /// The command itself is not shown: people write secrets into command lines.
    fn problem(&self, command: &str) -> Option<String> {
        let program = program(command);
        if self.shipper == Shipper::FluentBit {
            // flb_aws_credentials_process.c splits at spaces, knows double quotes around whole words, and asks no shell.
            let needs_a_shell = command.contains(['|', ';', '&', '$', '`', '\'', '<', '>', '*', '~', '\\']);
            let has_inner_quote = command.split_whitespace().any(|word| word.trim_matches('"').contains('"'));
            if needs_a_shell || has_inner_quote {
                return Some(
                    "Fluent Bit starts it without a shell, so it splits words at spaces and knows no sign".into(),
                );
            }
        } else if !Path::new("/bin/sh").exists() {
            return Some(format!("{} starts it through /bin/sh, which is not here", self.shipper.name()));
        }
        if !program.starts_with('/') {
            return Some(format!("`{program}` is not an absolute path: the shipper has another folder, PATH and home"));
        }
        let path = Path::new(program);
        match fs::metadata(path) {
            Err(cause) => return Some(format!("`{program}`: {cause}")),
            Ok(metadata) if metadata.is_dir() || metadata.permissions().mode() & 0o111 == 0 => {
                return Some(format!("`{program}` cannot be run: `chmod +x` it"));
            }
            Ok(_) => {}
        }
        let interpreter = interpreter(path)?;
        let is_missing = !Path::new(&interpreter).exists();
        is_missing.then(|| {
            format!("`{program}` is a script of `{interpreter}`, which is not here (an image without a shell?)")
        })
    }
}

fn program(command: &str) -> &str {
    match command.trim().strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => command.split_whitespace().next().unwrap_or_default(),
    }
}

/// execve(2): what runs a script.
fn interpreter(path: &Path) -> Option<String> {
    let content = fs::read(path).ok()?;
    let line = content.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    line.split_whitespace().next().map(str::to_owned)
}
