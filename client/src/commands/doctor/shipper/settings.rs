//! A shipper's configuration, read for its settings: parsers of three formats would be three more sources of mistakes.

/// Lines without comments, each a key and what follows it: `key: value`, `key = value`, `key => value`, `key value`.
#[derive(Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(before, _)| before).trim());
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).flat_map(entries).flat_map(arrows);
        let settings = lines.map(|line| {
            let line = line.trim().trim_start_matches("- ").trim_start_matches('"');
            let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).unwrap_or(line.len());
            let (key, value) = line.split_at(end);
            let is_sign = |c: char| "\"',:=> ".contains(c);
            (key.to_ascii_lowercase(), value.trim_matches(is_sign).to_owned())
        });
        Self(settings.collect())
    }

    /// The settings of this one, and then those of another file.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Of a key on a line of its own, in TOML also at the end of a path (`auth.access_key_id`), or in braces
    /// (`auth: {access_key_id: …}`).
    pub(super) fn value(&self, wanted: &str) -> Option<&str> {
        self.values(wanted).next()
    }

    pub(super) fn values<'a>(&'a self, wanted: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.rsplit('.').next() == Some(wanted)).map(|(_, value)| value.as_str())
    }

    pub(super) fn hold(&self, text: &str) -> bool {
        self.0.iter().any(|(_, value)| value.contains(text))
    }

    /// Fluent Bit's `env` and Logstash's variables can stand in the configuration itself.
    pub(super) fn is_localhost(&self) -> bool {
        let is_it = |text: &str| text.to_ascii_lowercase().contains("aws_container_credentials_full_uri");
        self.0.iter().any(|(key, value)| value.contains("//localhost") && (is_it(key) || is_it(value)))
    }

    /// On its own line, or on the next one (`enabled`).
    pub(super) fn has_no_health_check(&self) -> bool {
        let mut lines =
            self.0.iter().skip_while(|(key, value)| ![key, value].iter().any(|text| text.contains("healthcheck")));
        let own = lines.next().is_some_and(|(_, value)| value.contains("false"));
        own || lines.next().is_some_and(|(key, value)| key == "enabled" && value == "false")
    }
}

/// A line, cut where a brace opens or closes and at the commas in between; not within quotes, and not in a template
/// (`{{ host }}`) or a variable (`${HOST}`, `%{host}`).
fn entries(line: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let (mut quote, mut start, mut depth, mut before) = (None, 0, 0_u32, ' ');
    let mut template = 0_u32;
    for (at, letter) in line.char_indices() {
        match (letter, quote) {
            (_, Some(end)) => quote = (letter != end).then_some(end),
            ('"' | '\'', None) if " :=>{,[".contains(before) => quote = Some(letter),
            ('{', None) if template > 0 || "{$%".contains(before) || line[at + 1..].starts_with('{') => template += 1,
            ('}', None) if template > 0 => template -= 1,
            ('{' | '}', None) => {
                entries.push(&line[start..at]);
                start = at + 1;
                depth = if letter == '{' { depth + 1 } else { depth.saturating_sub(1) };
            }
            (',', None) if depth > 0 => {
                entries.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = letter;
    }
    entries.push(&line[start..]);
    entries.into_iter().filter(|entry| !entry.trim().is_empty()).collect()
}

/// Logstash's settings may follow each other on one line: `bucket => "b" prefix => "p"`.
fn arrows(entry: &str) -> Vec<&str> {
    let mut starts = vec![0];
    for (at, _) in entry.match_indices("=>").skip(1) {
        let key = entry[..at].trim_end().rfind(char::is_whitespace).map_or(0, |before| before + 1);
        starts.extend(starts.last().is_some_and(|last| *last < key).then_some(key));
    }
    let ends = starts.iter().skip(1).copied().chain([entry.len()]);
    starts.iter().zip(ends).map(|(start, end)| &entry[*start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_format() {
        for text in [
            "role_arn: arn",
            "  - role_arn: 'arn'",
            "role_arn = \"arn\"",
            "role_arn => \"arn\",",
            "    role_arn arn",
            "ROLE_ARN  arn # why",
            "sinks.s3.auth.role_arn = \"arn\"",
            "\"role_arn\": \"arn\"",
            "auth: {region: x, role_arn: arn}",
            "s3 { role_arn => \"arn\" }",
            "output { s3 { bucket => \"b\" role_arn => \"arn\" prefix => \"p\" } }",
            "{\"sinks\": {\"s3\": {\"auth\": {\"role_arn\": \"arn\"}}}}",
        ] {
            assert_eq!(Settings::parse(text).value("role_arn"), Some("arn"), "{text}");
        }
        for text in ["# role_arn: x", "sts_role_arn: x", "a: b # role_arn: x", "a: \"{role_arn: x}\"", ""] {
            assert!(Settings::parse(text).value("role_arn").is_none(), "{text}");
        }
    }

    #[test]
    fn templates_stay_whole() {
        for (text, expected) in [
            ("key_prefix: \"logs/{{ host }}/\"", "logs/{{ host }}/"),
            ("key_prefix: logs/{{ host }}/a,b", "logs/{{ host }}/a,b"),
            ("key_prefix ${PREFIX}/x", "${PREFIX}/x"),
            ("s3: {type: aws_s3, key_prefix: \"a/{{ b }}/\", x: y}", "a/{{ b }}/"),
            ("key_prefix => \"%{[host][name]}/\"", "%{[host][name]}/"),
        ] {
            assert_eq!(Settings::parse(text).value("key_prefix"), Some(expected), "{text}");
        }
    }

    #[test]
    fn health_checks() {
        for text in [
            "healthcheck: {enabled: false}",
            "healthcheck:\n  # why\n  enabled: false",
            "healthcheck: false",
            "healthcheck.enabled = false",
            "[sinks.s3.healthcheck]\nenabled = false",
        ] {
            assert!(Settings::parse(text).has_no_health_check(), "{text}");
        }
        for text in ["", "healthcheck:\n  enabled: true", "enabled: false", "healthcheck:\nbuffer: x\nenabled: false"] {
            assert!(!Settings::parse(text).has_no_health_check(), "{text}");
        }
    }
}
