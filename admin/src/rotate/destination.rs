//! Who gets the new secret: a file, or a command's standard input. Never an argument, never a line of a log.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::new_secret::{NewSecret, fingerprint};
use super::record::Stage;
use crate::error::Error;
use crate::private_file;

pub(super) enum Destination {
    File(PathBuf),
    Command(String),
}

/// Why the secret was not handed over, as far as that is known.
pub(super) struct HandOverError {
    pub(super) cause: Box<Error>,
    /// The command was started: it may have passed the secret on before it failed.
    pub(super) was_started: bool,
}

impl Destination {
    /// Before anything is changed.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::File(path) => private_file::check_writable(path)
                .map_err(|error| Error::File { path: path.clone(), problem: error.to_string() }),
            Self::Command(_) => Ok(()),
        }
    }

    /// What is recorded before [`Destination::hand_over`].
    pub(super) fn stage(&self, secret: &NewSecret, keep_old_until: u64) -> io::Result<Stage> {
        Ok(match self {
            Self::File(path) => Stage::HandingOverToFile {
                path: std::path::absolute(path)?,
                sha256: fingerprint(&secret.line()),
                keep_old_until,
            },
            Self::Command(_) => Stage::HandingOverToCommand { keep_old_until },
        })
    }

    pub(super) fn hand_over(&self, secret: &NewSecret) -> Result<(), HandOverError> {
        match self {
            Self::File(path) => private_file::write(path, &secret.line()).map_err(|error| HandOverError {
                cause: Box::new(Error::File { path: path.clone(), problem: error.to_string() }),
                was_started: false,
            }),
            Self::Command(command) => run(command, secret),
        }
    }
}

/// What it prints goes to standard error: standard output is this program's own.
fn run(command: &str, secret: &NewSecret) -> Result<(), HandOverError> {
    let failed =
        |was_started: bool, problem: String| HandOverError { cause: Box::new(Error::Command { problem }), was_started };
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn()
        .map_err(|error| failed(false, format!("cannot be run: {error}")))?;
    let written = match child.stdin.take() {
        // Its end is closed at the end of this line.
        Some(mut stdin) => stdin.write_all(&secret.line()),
        None => Ok(()),
    };
    let status = child.wait().map_err(|error| failed(true, format!("cannot be waited for: {error}")))?;
    match (status.success(), written) {
        (true, Ok(())) => Ok(()),
        (true, Err(error)) => Err(failed(true, format!("did not read the secret: {error}"))),
        (false, _) => Err(failed(true, format!("failed ({status})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gets_it_on_its_standard_input_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("got");
        let secret = NewSecret::random().unwrap();
        let script =
            format!("cat > '{0}'; tr '\\0' ' ' < /proc/self/cmdline > '{0}.args'; env > '{0}.env'", path.display());
        assert!(run(&script, &secret).is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), secret.line());
        for file in ["got.args", "got.env"] {
            let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(!text.contains(secret.expose()), "{file}");
        }
        for (command, was_started, problem) in [
            ("exit 3", true, "failed (exit status: 3)"),
            ("kill -9 $$", true, "failed (signal: 9"),
            ("nonsense-xyz", true, "failed"),
            // No argument can hold this byte, so nothing is started.
            ("cat\0", false, "cannot be run"),
        ] {
            let Err(error) = run(command, &secret) else { panic!("{command}") };
            assert!(error.cause.to_string().contains(problem) && error.was_started == was_started, "{command}");
        }
    }
}
