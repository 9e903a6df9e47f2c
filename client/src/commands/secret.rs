//! `credvend secret get`: a secret for a job that publishes, and for no eyes.

pub(crate) mod error;
mod get_secret_value;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use environment::{Log, Proxy, Variables, visible};
use http_client::EXTRA_FILE_VARIABLES;
use rustix::fs::{Mode, OFlags};
use serde_json::Value;
use zeroize::Zeroizing;

use self::error::SecretReadError;
use self::get_secret_value::{Target, get_secret_value};
use super::print;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::freshness::fetch::block_on;
use crate::freshness::provider::Provider;
use crate::output::github_job::{VariableName, assignment, masks};
use crate::secret::Secret;
use crate::settings::sources::Sources;
use crate::signature_v4::SigningKeys;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(clap::Subcommand)]
enum SecretCommand {
    /// Print the current value of a secret, or hand it to the next steps of a GitHub Actions job
    ///
    /// In a GitHub Actions job the log shows whatever is printed, so that --github-env is needed there, or --show: either way
    /// the value is hidden in the log (`::add-mask::`) first. Without an identity (--identity, --env-file or `IDP_TYPE`), the
    /// AWS credentials of the environment are used.
    Get(GetArguments),
}

#[derive(clap::Args)]
struct GetArguments {
    /// The secret's name, or its ARN
    #[arg(value_parser = secret_name)]
    name: String,
    /// The member of a secret that is a JSON object [default: the whole value]
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Set VAR for the steps that follow, by the file in `GITHUB_ENV`, and print the masks alone
    #[arg(long, value_name = "VAR", value_parser = VariableName::parse)]
    github_env: Option<VariableName>,
    /// Print it on a terminal, or in a GitHub Actions job behind the commands that mask it
    #[arg(long)]
    show: bool,
}

/// Amazon's rules for names; an ARN has colons as well.
fn secret_name(text: &str) -> Result<String, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@:-".contains(&byte);
    if text.is_empty() || text.len() > 2048 || !text.bytes().all(is_allowed) {
        return Err("not the name of a secret: letters, digits and /_+=.@-, or its ARN");
    }
    Ok(text.to_owned())
}

pub(crate) fn run(arguments: &Arguments, sources: &Sources<'_>, log: Log) -> Result<ExitCode, Error> {
    let SecretCommand::Get(get) = &arguments.command;
    let lookup = sources.lookup()?;
    let is_job = lookup("GITHUB_ACTIONS").as_deref() == Some("true");
    let is_terminal = io::stdout().is_terminal();
    if let Some(problem) = refusal(get, is_job, is_terminal) {
        log.failure(problem, "usage");
        return Ok(ExitCode::from(2));
    }
    // Before the secret is read: without the file nothing could be done with it.
    let github_env = match &get.github_env {
        Some(name) => Some((name, github_env_file(&lookup)?)),
        None => None,
    };
    let value = read(get, sources, &lookup, log)?;
    let text = select(&get.name, &value, get.field.as_deref())?;
    // A mask hides what the log would show.
    let shown = if is_terminal { on_terminal(&text) } else { text.clone() };
    match github_env {
        Some((name, file)) => {
            print(masks(&shown).as_bytes())?;
            set_variable(&get.name, file, name, &text)?;
        }
        None => {
            let masks = if is_job { masks(&shown) } else { Zeroizing::default() };
            print(Zeroizing::new(format!("{}{}\n", *masks, *shown)).as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Why nothing is printed. A job's log shows standard output as a terminal does. The runner reads the two streams of a step
/// side by side, so that a mask on standard error may come after a value on standard output: only what stands before the
/// value on the same stream, or in a step that has ended, is sure to be read first.
fn refusal(get: &GetArguments, is_job: bool, is_terminal: bool) -> Option<&'static str> {
    match (&get.github_env, is_job) {
        _ if get.show => None,
        (None, true) => Some(
            "in a GitHub Actions job a secret is not printed: hand it to the steps that follow by --github-env VAR, or say \
             --show, which prints the commands that mask it and then the value",
        ),
        _ if is_terminal => Some("a secret is not printed on a terminal: redirect the output, or say --show"),
        _ => None,
    }
}

/// Its lines, with nothing in them that a terminal would obey.
fn on_terminal(text: &str) -> Zeroizing<String> {
    let lines: Vec<_> = text.split('\n').map(|line| Zeroizing::new(visible(line))).collect();
    let lines: Vec<_> = lines.iter().map(|line| line.as_str()).collect();
    Zeroizing::new(lines.join("\n"))
}

fn read(
    get: &GetArguments,
    sources: &Sources<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
    log: Log,
) -> Result<Secret, Error> {
    let variables = Variables::new(lookup);
    let own_keys = Keys::from_env(sources, &variables);
    let endpoint = variables.aws_endpoint("SECRETS_MANAGER");
    let use_fips = variables.flag("AWS_USE_FIPS_ENDPOINT").unwrap_or_default();
    let region = variables.optional("AWS_REGION").or_else(|| variables.optional("AWS_DEFAULT_REGION"));
    let extra_ca: Vec<PathBuf> =
        EXTRA_FILE_VARIABLES.iter().filter_map(|name| variables.optional(name)).map(Into::into).collect();
    let proxy = Proxy::from_env(&variables);
    variables.finish(Some(()))?;
    let identity = match own_keys {
        Some(keys) => Identity::Environment(keys),
        None => Identity::Vended(Provider::new(&sources.config()??, log).provide()?.value),
    };
    let target = Target::new(&get.name, region.as_deref().or(identity.region()), endpoint, use_fips)?;
    let read = get_secret_value(&target, identity.signing_keys(), &extra_ca, &proxy, log);
    block_on(async { Ok::<_, Error>(read.await?) })
}

/// Who reads the secret.
enum Identity {
    Environment(Keys),
    Vended(Credentials),
}

impl Identity {
    /// The vending API may know it.
    fn region(&self) -> Option<&str> {
        match self {
            Self::Environment(_) => None,
            Self::Vended(credentials) => credentials.region.as_deref(),
        }
    }

    fn signing_keys(&self) -> SigningKeys<'_> {
        match self {
            Self::Environment(keys) => keys.signing(),
            Self::Vended(credentials) => credentials.into(),
        }
    }
}

/// Keys that another program has put into the environment.
struct Keys {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<Secret>,
}

impl Keys {
    /// `None` where an identity is named, or there are none.
    fn from_env(sources: &Sources<'_>, variables: &Variables<'_>) -> Option<Self> {
        let names_an_identity = sources.options.env_file.is_some() || sources.options.name_a_table();
        if names_an_identity || variables.is_set("IDP_TYPE") || !variables.is_set("AWS_ACCESS_KEY_ID") {
            return None;
        }
        let access_key_id = variables.optional("AWS_ACCESS_KEY_ID");
        let secret_access_key = variables.required("AWS_SECRET_ACCESS_KEY", "… (it comes with AWS_ACCESS_KEY_ID)");
        let session_token = variables.optional("AWS_SESSION_TOKEN").map(Secret::new);
        Some(Self { access_key_id: access_key_id?, secret_access_key: Secret::new(secret_access_key?), session_token })
    }

    fn signing(&self) -> SigningKeys<'_> {
        SigningKeys {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            session_token: self.session_token.as_ref(),
        }
    }
}

/// The whole value, or one of its members.
fn select(secret: &str, value: &Secret, field: Option<&str>) -> Result<Zeroizing<String>, SecretReadError> {
    let text = match field {
        None => value.expose().to_owned(),
        Some(field) => {
            let (secret, field) = (secret.to_owned(), field.to_owned());
            let Ok(Value::Object(members)) = serde_json::from_str(value.expose()) else {
                return Err(SecretReadError::NotJson { secret, field });
            };
            match members.get(&field) {
                Some(Value::String(text)) => text.clone(),
                Some(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string(),
                Some(_) => return Err(SecretReadError::NotText { secret, field }),
                None => {
                    let known = members.keys().cloned().collect();
                    return Err(SecretReadError::NoField { secret, field, known });
                }
            }
        }
    };
    if text.trim().is_empty() {
        return Err(SecretReadError::Empty(secret.to_owned()));
    }
    Ok(Zeroizing::new(text))
}

/// The runner's file, opened: no link is followed, and nothing but a file is written to.
fn github_env_file(lookup: &dyn Fn(&str) -> Option<String>) -> Result<(String, File), SecretReadError> {
    let path = lookup("GITHUB_ENV").filter(|path| !path.is_empty()).ok_or(SecretReadError::NoGithubEnv)?;
    let failed = |cause: io::Error| SecretReadError::GithubEnv { path: path.clone(), cause };
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path.as_str(), flags, Mode::empty()).map_err(|errno| failed(errno.into()))?);
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    Ok((path, file))
}

fn set_variable(
    secret: &str,
    (path, mut file): (String, File),
    name: &VariableName,
    value: &str,
) -> Result<(), SecretReadError> {
    if value.contains('\0') {
        return Err(SecretReadError::Nul(secret.to_owned()));
    }
    let failed = |cause: io::Error| SecretReadError::GithubEnv { path: path.clone(), cause };
    // What another step has left without a line break would swallow the first line.
    let before = if ends_with_a_line(&mut file).map_err(failed)? { "" } else { "\n" };
    let lines = assignment(name, value, &delimiter(value)?);
    file.write_all(Zeroizing::new(format!("{before}{}", *lines)).as_bytes()).map_err(failed)
}

fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// 128 random bits, and for all that nothing that stands in the value.
fn delimiter(value: &str) -> Result<String, SecretReadError> {
    loop {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SecretReadError::Random)?;
        let delimiter = format!("credvend_{:032x}", u128::from_ne_bytes(bytes));
        if !value.contains(&delimiter) {
            return Ok(delimiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_or_the_whole() {
        let value = Secret::new(r#"{"token":"pypi-Ag","n":7,"b":true,"o":{},"e":" ","z":null}"#.to_owned());
        let selected =
            |field| select("s", &value, field).map(|text| text.to_string()).map_err(|error| error.to_string());
        assert_eq!(selected(Some("token")), Ok("pypi-Ag".to_owned()));
        assert_eq!(selected(Some("n")), Ok("7".to_owned()));
        assert_eq!(selected(Some("b")), Ok("true".to_owned()));
        assert_eq!(selected(None), Ok(value.expose().to_owned()));
        for (field, problem) in
            [("o", "not text"), ("z", "not text"), ("e", "is empty"), ("Token", "has no field `Token`")]
        {
            let error = selected(Some(field)).unwrap_err();
            assert!(error.contains(problem) && !error.contains("pypi-Ag"), "{error}");
        }
        assert!(selected(Some("x")).unwrap_err().contains("`token`"));
        for text in ["pypi-CANARY", "\"pypi-CANARY\"", "[\"pypi-CANARY\"]", "{\"token\":\"pypi-CANARY\""] {
            let error = select("s", &Secret::new(text.to_owned()), Some("token")).err().unwrap().to_string();
            assert!(error.contains("is not a JSON object") && !error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn names_of_secrets() {
        for name in
            ["demo/pypi-token", "a", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:demo/pypi-token-a1b2c3"]
        {
            assert!(secret_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\n", "a?", "ä", "a\u{0}"] {
            assert!(secret_name(name).is_err(), "{name:?}");
        }
    }
}
