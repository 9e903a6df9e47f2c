//! A systemd unit, as far as it says how a shipper is started: command line, user and environment. The files are read
//! themselves, since `systemctl` shows nothing of a unit that another machine or container has.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::start::Start;
use super::text_file;

/// systemd.unit(5), "Unit File Load Path", without what only generators write.
const DIRECTORIES: [&str; 7] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where units are, the first place first. `SYSTEMD_UNIT_PATH` replaces the usual ones, or precedes them with a colon at
/// its end (systemd.unit(5)).
pub(super) fn directories(unit_path: Option<&str>) -> Vec<PathBuf> {
    let given: Vec<PathBuf> =
        unit_path.unwrap_or_default().split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    let replaces = unit_path.is_some_and(|path| !path.ends_with(':'));
    let usual = DIRECTORIES.iter().filter(|_| !replaces).map(PathBuf::from);
    given.into_iter().chain(usual).collect()
}

/// The unit of this name, or in this file (a name with a slash); `Ok(None)`: there is none.
pub(super) fn find(name: &str, directories: &[PathBuf]) -> Result<Option<Start>, String> {
    let (path, directories) = if name.contains('/') {
        let path = PathBuf::from(name);
        let beside = path.parent().map(Path::to_owned);
        (path, beside.into_iter().collect())
    } else {
        let file = if name.ends_with(".service") { name.to_owned() } else { format!("{name}.service") };
        let Some(directory) = directories.iter().find(|directory| directory.join(&file).exists()) else {
            return Ok(None);
        };
        (directory.join(file), directories.to_vec())
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut service = Service::default();
    for path in std::iter::once(path).chain(drop_ins(&file, &directories)) {
        let text = text_file::read(&path).map_err(|problem| format!("`{}`: {problem}", path.display()))?;
        service.add(&text);
    }
    // A masked unit is a link to /dev/null.
    Ok((!service.commands.is_empty()).then(|| service.start(file)))
}

/// systemd.unit(5): `NAME.service.d`, and of each shorter name that ends in a dash, in the order of the files' names; of
/// one name, that of the first directory.
fn drop_ins(file: &str, directories: &[PathBuf]) -> Vec<PathBuf> {
    let stem = file.trim_end_matches(".service");
    let dashes = stem.match_indices('-').map(|(at, _)| format!("{}.service.d", &stem[..=at]));
    let folders: Vec<String> = dashes.chain([format!("{file}.d")]).collect();
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in folders.iter().rev() {
        for directory in directories {
            for entry in fs::read_dir(directory.join(folder)).into_iter().flatten().flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "conf") {
                    found.entry(entry.file_name()).or_insert_with(|| entry.path());
                }
            }
        }
    }
    found.into_values().collect()
}

/// What the section `[Service]` says, after all files.
#[derive(Default)]
struct Service {
    commands: Vec<String>,
    user: String,
    group: String,
    groups: Vec<String>,
    directory: String,
    environment: Vec<String>,
    environment_files: Vec<String>,
    unset: Vec<String>,
}

impl Service {
    fn add(&mut self, text: &str) {
        let mut is_service = false;
        for line in logical_lines(text) {
            let line = line.trim();
            if line.starts_with('[') {
                is_service = line == "[Service]";
            } else if let Some((key, value)) = line.split_once('=').filter(|_| is_service) {
                self.set(key.trim(), value.trim());
            }
        }
    }

    /// systemd.syntax(7): an empty value empties a list.
    fn set(&mut self, key: &str, value: &str) {
        let list = match key {
            "ExecStart" => &mut self.commands,
            "SupplementaryGroups" => &mut self.groups,
            "Environment" => &mut self.environment,
            "EnvironmentFile" => &mut self.environment_files,
            "UnsetEnvironment" => &mut self.unset,
            "User" => return value.clone_into(&mut self.user),
            "Group" => return value.clone_into(&mut self.group),
            "WorkingDirectory" => return value.clone_into(&mut self.directory),
            _ => return,
        };
        if value.is_empty() { list.clear() } else { list.push(value.to_owned()) }
    }

    fn start(self, name: String) -> Start {
        let home = Reader::home(&self.user).map(|home| ("HOME".to_owned(), home));
        let mut variables: HashMap<String, String> = home.into_iter().collect();
        for word in self.environment.iter().flat_map(|line| words(line)) {
            variables.extend(word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        for file in &self.environment_files {
            // A missing file without the dash keeps the unit from starting, which systemd says better.
            let text = text_file::read(Path::new(file.trim_start_matches('-'))).unwrap_or_default();
            variables.extend(text.lines().filter_map(assignment));
        }
        for word in self.unset.iter().flat_map(|line| words(line)) {
            variables.remove(word.split('=').next().unwrap_or_default());
        }
        let command = self.commands.first().map(|command| words(command)).unwrap_or_default();
        Start {
            words: expanded(command, &variables),
            variables,
            // systemd.exec(5), User=: a system unit runs as root unless it says otherwise.
            user: if self.user.is_empty() { "root".to_owned() } else { self.user },
            groups: self.groups.iter().chain([&self.group]).flat_map(|line| words(line)).collect(),
            directory: PathBuf::from(if self.directory.starts_with('/') { self.directory.as_str() } else { "/" }),
            name,
        }
    }
}

/// systemd.syntax(7): a backslash at the end continues a line; comments in between are passed over.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut begun: Option<String> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let whole = begun.take().unwrap_or_default() + line;
        match whole.trim_end().strip_suffix('\\') {
            Some(part) => begun = Some(format!("{part} ")),
            None => lines.push(whole),
        }
    }
    lines.extend(begun);
    lines
}

/// systemd.service(5), "Command lines": words, quotes around or in them, C's escapes, `%%`.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => {
                let escaped = match letters.next() {
                    Some('s') => ' ',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => '\\',
                };
                word.get_or_insert_default().push(escaped);
            }
            (_, Some(end)) if letter == end => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, None) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words.into_iter().map(|word| word.replace("%%", "%")).collect()
}

/// `${NAME}` within a word, and `$NAME` as a word, which may become several.
fn expanded(command: Vec<String>, variables: &HashMap<String, String>) -> Vec<String> {
    let mut expanded = Vec::new();
    for (index, word) in command.into_iter().enumerate() {
        if index == 0 {
            // systemd.service(5), "Special executable prefixes".
            expanded.push(word.trim_start_matches(['@', '-', ':', '+', '!', '|']).to_owned());
        } else if let Some(value) = word.strip_prefix('$').and_then(|name| variables.get(name)) {
            expanded.extend(value.split_whitespace().map(str::to_owned));
        } else {
            let replaced =
                variables.iter().fold(word, |word, (name, value)| word.replace(&format!("${{{name}}}"), value));
            expanded.push(replaced);
        }
    }
    expanded
}

/// A line of an `EnvironmentFile=` (systemd.exec(5)).
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    let value = value.trim();
    let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = name.trim().trim_start_matches("export ").trim();
    Some((name.to_owned(), unquoted.unwrap_or(value).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn started(unit: &str) -> Start {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.service");
        write(&path, unit);
        find(path.to_str().unwrap(), &[]).unwrap().unwrap()
    }

    #[test]
    fn the_words_of_a_command_line() {
        for (line, expected) in [
            ("/usr/bin/vector", &["/usr/bin/vector"][..]),
            ("-/usr/bin/vector  --config\t/a", &["/usr/bin/vector", "--config", "/a"]),
            ("/x \"--path.settings\" \"/etc/logstash\"", &["/x", "--path.settings", "/etc/logstash"]),
            ("/x '/a b' --c=\"/d e\" \\\n  # why\n  -f /g\\x", &["/x", "/a b", "--c=/d e", "-f", "/gx"]),
            ("@!/x 100%%", &["/x", "100%"]),
            ("/x ${A}/b $B $C", &["/x", "/a/b", "--one", "--two", "$C"]),
        ] {
            let unit =
                format!("[Unit]\nExecStart=/no\n[Service]\nEnvironment=A=/a \"B=--one --two\"\nExecStart={line}\n");
            assert_eq!(started(&unit).words, expected, "{line}");
        }
        assert_eq!(started("\u{feff}[Service]\r\nExecStart = /x -c /y\r\n").words, ["/x", "-c", "/y"]);
    }

    #[test]
    fn later_files_win_and_an_empty_value_empties() {
        let folder = tempfile::tempdir().unwrap();
        let [etc, lib] = ["etc", "lib"].map(|name| folder.path().join(name));
        write(&lib.join("vector.service"), "[Service]\nUser=vector\nExecStart=/usr/bin/vector\nEnvironment=A=1 B=1\n");
        write(&lib.join("vector.service.d/10.conf"), "[Service]\nEnvironment=A=lib\nExecStart=\nExecStart=/lib\n");
        write(&etc.join("vector.service.d/10.conf"), "[Service]\nEnvironment=A=2\nSupplementaryGroups=credvend adm\n");
        write(&etc.join("vector.service.d/20.conf"), "[Service]\nExecStart=\nExecStart=/usr/bin/vector -c /x\n");
        write(&etc.join("vector.service.d/30.conf~"), "[Service]\nUser=nobody\n");
        let file = etc.join("environment");
        write(&file, "# why\nB='2 3'\nexport C=4\n");
        let drop_in = format!("[Service]\nEnvironmentFile=-/nonexistent\nEnvironmentFile={}\n", file.display());
        write(&etc.join("vector.service.d/40.conf"), &drop_in);
        let start = find("vector", &[etc.clone(), lib]).unwrap().unwrap();
        assert_eq!(start.words, ["/usr/bin/vector", "-c", "/x"]);
        assert_eq!((start.user.as_str(), start.groups), ("vector", vec!["credvend".to_owned(), "adm".to_owned()]));
        let value = |name: &str| start.variables.get(name).map(String::as_str);
        assert_eq!((value("A"), value("B"), value("C")), (Some("2"), Some("2 3"), Some("4")));
        write(&etc.join("vector.service"), "");
        write(&etc.join("vector.service.d/20.conf"), "");
        assert!(find("vector", std::slice::from_ref(&etc)).unwrap().is_none(), "a masked unit starts nothing");
        assert!(find("no-such", &[etc]).unwrap().is_none());
        assert_eq!(started("[Service]\nUser=a\nUser=\nExecStart=/x\n").user, "root");
        // systemd.exec(5): the home is set where `User=` is.
        let home = |service: &str| started(&format!("[Service]\n{service}ExecStart=/x\n")).variables.remove("HOME");
        assert_eq!((home("User=root\n").as_deref(), home("")), (Some("/root"), None));
        assert_eq!(home("User=root\nEnvironment=HOME=/h\n").as_deref(), Some("/h"));
    }

    #[test]
    fn where_units_are() {
        assert_eq!(directories(None).len(), DIRECTORIES.len());
        assert_eq!(directories(Some("/a:/b")), [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(directories(Some("/a:")).len(), DIRECTORIES.len() + 1);
    }
}
