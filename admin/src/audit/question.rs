//! Which lines are asked for.

use std::collections::BTreeSet;

use ::audit::RecordedLine;

/// What a line must be to count; what is `None` is no condition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    /// Milliseconds since 1970: not before.
    pub(crate) since: Option<u64>,
    /// Not after.
    pub(crate) until: Option<u64>,
    /// Of one of these clients.
    pub(crate) clients: Option<BTreeSet<String>>,
    pub(crate) issuer: Option<String>,
    pub(crate) access_key: Option<String>,
    /// `RoleSessionName`.
    pub(crate) session: Option<String>,
    /// Of one of these clients, or of one of these roles.
    pub(crate) reach: Option<Reach>,
    /// Credentials were given out.
    pub(crate) only_vends: bool,
}

/// Who reaches a prefix: clients by their items, and roles of the items of scopes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub(crate) clients: BTreeSet<String>,
    pub(crate) roles: BTreeSet<String>,
}

impl Reach {
    fn includes(&self, line: &RecordedLine) -> bool {
        let is_in =
            |set: &BTreeSet<String>, value: &Option<String>| value.as_ref().is_some_and(|one| set.contains(one));
        is_in(&self.clients, &line.client_id) || is_in(&self.roles, &line.role_arn)
    }
}

impl Question {
    /// About one client.
    pub(crate) fn of_client(client: &str) -> Self {
        Self { clients: Some(BTreeSet::from([client.to_owned()])), ..Self::default() }
    }

    pub(crate) fn includes(&self, line: &RecordedLine) -> bool {
        let equals = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.since.is_none_or(|since| line.time >= since)
            && self.until.is_none_or(|until| line.time <= until)
            && self.clients.as_ref().is_none_or(|set| line.client_id.as_ref().is_some_and(|id| set.contains(id)))
            && equals(&self.issuer, &line.issuer)
            && equals(&self.access_key, &line.access_key_id)
            && equals(&self.session, &line.session_name)
            && self.reach.as_ref().is_none_or(|reach| reach.includes(line))
            && (!self.only_vends || line.is_vend())
    }

    /// The same as CloudWatch's filter pattern, so that fewer lines travel. It may let more pass than [`Question::includes`],
    /// never less: a value that the pattern's syntax could read in another way is left out.
    pub(crate) fn pattern(&self) -> String {
        let mut conditions = vec![r#"$.decision = "*""#.to_owned()];
        let mut equals = |member: &str, value: Option<&String>| {
            conditions.extend(value.filter(|value| is_plain(value)).map(|value| format!(r#"$.{member} = "{value}""#)));
        };
        equals("client_id", self.clients.as_ref().filter(|set| set.len() == 1).and_then(BTreeSet::first));
        equals("issuer", self.issuer.as_ref());
        equals("access_key_id", self.access_key.as_ref());
        equals("session_name", self.session.as_ref());
        if self.only_vends {
            conditions.push(r#"$.access_key_id = "*""#.to_owned());
        }
        format!("{{ {} }}", conditions.join(" && "))
    }
}

/// What is itself between the quotes of a filter pattern. (`*` there is any text.)
fn is_plain(value: &str) -> bool {
    // 1,024 characters are a pattern's bound.
    value.len() <= 200 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.@:/+=,|#".contains(&byte))
}

/// The `RoleSessionName` in what CloudTrail shows of a session: `arn:aws:sts::…:assumed-role/ROLE/NAME`, `AROA…:NAME`, or itself.
pub(crate) fn session_name(shown: &str) -> &str {
    if shown.starts_with("arn:") {
        return shown.rsplit('/').next().unwrap_or(shown);
    }
    match shown.split_once(':') {
        Some((principal, name)) if principal.starts_with("AROA") => name,
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(client: &str, time: u64) -> RecordedLine {
        let text = format!(
            r#"{{"time":{time},"decision":"allow","code":"ok","client_id":"{client}","issuer":"https://i","session_name":"s","access_key_id":"ASIA"}}"#
        );
        RecordedLine::parse(&text).unwrap()
    }

    #[test]
    fn what_counts() {
        let all = Question::default();
        assert!(all.includes(&line("a", 5)));
        let window = Question { since: Some(5), until: Some(7), ..Question::default() };
        for (time, counts) in [(4, false), (5, true), (7, true), (8, false)] {
            assert_eq!(window.includes(&line("a", time)), counts, "{time}");
        }
        assert!(Question::of_client("a").includes(&line("a", 1)));
        assert!(!Question::of_client("a").includes(&line("A", 1)));
        let other = Question { issuer: Some("https://other".to_owned()), ..Question::default() };
        assert!(!other.includes(&line("a", 1)));
        let denied = RecordedLine { decision: "deny".to_owned(), ..line("a", 1) };
        assert!(!Question { only_vends: true, ..Question::default() }.includes(&denied));
    }

    #[test]
    fn who_reaches_a_prefix() {
        let set = |one: &str| BTreeSet::from([one.to_owned()]);
        let by_client = Reach { clients: set("a"), ..Reach::default() };
        assert!(by_client.includes(&line("a", 1)) && !by_client.includes(&line("b", 1)));
        let by_role = Reach { roles: set("arn:r"), ..Reach::default() };
        let assumed = RecordedLine { role_arn: Some("arn:r".to_owned()), ..line("b", 1) };
        assert!(by_role.includes(&assumed) && !by_role.includes(&line("b", 1)));
    }

    #[test]
    fn a_pattern_never_says_more_than_the_question() {
        let question = |client: &str| Question { only_vends: true, ..Question::of_client(client) }.pattern();
        assert_eq!(question("web-01"), r#"{ $.decision = "*" && $.client_id = "web-01" && $.access_key_id = "*" }"#);
        for hostile in [r#"a" || $.x = "*"#, "a*", "a\\", "a b", "é", &"a".repeat(500)] {
            assert_eq!(question(hostile), r#"{ $.decision = "*" && $.access_key_id = "*" }"#, "{hostile}");
        }
    }

    #[test]
    fn the_name_in_what_cloudtrail_shows() {
        for (shown, name) in [
            ("arn:aws:sts::123456789012:assumed-role/credvend-web-01/web-01-abc", "web-01-abc"),
            ("AROAEXAMPLE:web-01-abc", "web-01-abc"),
            ("web-01-abc", "web-01-abc"),
            ("a=b@c", "a=b@c"),
        ] {
            assert_eq!(session_name(shown), name, "{shown}");
        }
    }
}
