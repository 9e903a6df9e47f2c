//! The AWS SDKs' shared credentials file: the keys of one profile are replaced, all else stays, byte for byte.
//!
//! Lines are told apart as Python's `configparser` does it, which reads the file for boto3 and the CLI: it is the one
//! that allows most. What it takes for a header, an option or the rest of an option is the same to the others wherever
//! they read the file at all.

use crate::credentials::Credentials;

/// The fourth is an older name of the token, which some SDKs prefer where both are there.
const KEYS: [&str; 5] =
    ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token", "aws_account_id"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// `existing` with these credentials in `profile`, and with the region, where one is known.
pub(crate) fn merge(existing: &[u8], profile: &str, credentials: &Credentials, region: Option<&str>) -> Vec<u8> {
    let keys: Vec<&str> = KEYS.into_iter().chain(region.map(|_| "region")).collect();
    let first_line = existing.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let line_end = if first_line.ends_with(b"\r\n") { "\r\n" } else { "\n" };
    let Kept { text, place, indent } = without_our_keys(existing, profile, &keys);
    let (before, after) = text.split_at(place.unwrap_or(text.len()));
    let options = options(credentials, region, &indent, line_end);
    let mut merged = Vec::with_capacity(text.len() + options.len());
    merged.extend_from_slice(before);
    if !before.is_empty() && !before.ends_with(b"\n") {
        merged.extend_from_slice(line_end.as_bytes());
    }
    if place.is_none() {
        // A section begins after a blank line.
        let distance = if before.is_empty() { "" } else { line_end };
        merged.extend_from_slice(format!("{distance}[{profile}]{line_end}").as_bytes());
    }
    merged.extend_from_slice(options.as_bytes());
    merged.extend_from_slice(after);
    merged
}

fn options(credentials: &Credentials, region: Option<&str>, indent: &str, line_end: &str) -> String {
    let option = |key: &str, value: &str| format!("{indent}{key} = {value}{line_end}");
    option("aws_access_key_id", &credentials.access_key_id)
        + &option("aws_secret_access_key", credentials.secret_access_key.expose())
        + &option("aws_session_token", credentials.session_token.expose())
        + &credentials.account_id.as_ref().map(|id| option("aws_account_id", id)).unwrap_or_default()
        + &region.map(|region| option("region", region)).unwrap_or_default()
}

/// What stays of the file.
struct Kept {
    text: Vec<u8>,
    /// Where the profile's options go: behind the last one that it has, so that no line of them is taken for the rest of
    /// ours. A profile that is there twice is one to some SDKs; the first one gets them.
    place: Option<usize>,
    /// That of the header after them, which would be taken for the rest of ours if it were indented further.
    indent: String,
}

fn without_our_keys(existing: &[u8], profile: &str, keys: &[&str]) -> Kept {
    let mut kept = Kept { text: Vec::with_capacity(existing.len()), place: None, indent: String::new() };
    let (mut lines, mut is_our_section, mut is_first, mut is_our_key) = (Lines::default(), false, false, false);
    for line in existing.split_inclusive(|byte| *byte == b'\n') {
        let kind = lines.classify(line);
        match kind {
            Line::Header(name) => {
                if is_first {
                    kept.indent = line[..indent(line)].iter().copied().map(char::from).collect();
                }
                is_our_section = name == profile.as_bytes();
                is_first = is_our_section && kept.place.is_none();
                is_our_key = false;
            }
            Line::Option(key) => {
                is_our_key = is_our_section && keys.iter().any(|ours| key.eq_ignore_ascii_case(ours.as_bytes()));
            }
            Line::Rest | Line::Aside => {}
        }
        if is_our_key && !matches!(kind, Line::Aside) {
            continue;
        }
        kept.text.extend_from_slice(line);
        if is_first && !matches!(kind, Line::Aside) {
            kept.place = Some(kept.text.len());
        }
    }
    kept
}

enum Line<'a> {
    Header(&'a [u8]),
    /// Its key.
    Option(&'a [u8]),
    /// Of an option's value.
    Rest,
    /// Blank, or a comment.
    Aside,
}

#[derive(Default)]
struct Lines {
    /// How far the option is indented that the next line may go on with.
    option_indent: Option<usize>,
}

impl Lines {
    fn classify<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            return Line::Aside;
        }
        let indent = indent(line);
        if self.option_indent.is_some_and(|option_indent| indent > option_indent) {
            return Line::Rest;
        }
        if let Some(name) = header(text) {
            self.option_indent = None;
            return Line::Header(name);
        }
        self.option_indent = Some(indent);
        let end = text.iter().position(|byte| matches!(byte, b'=' | b':')).unwrap_or(text.len());
        Line::Option(text[..end].trim_ascii_end())
    }
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The name exactly as it stands: of `[ default ]` the SDKs think differently.
fn header(text: &[u8]) -> Option<&[u8]> {
    let name = text.strip_prefix(b"[")?;
    let end = name.iter().position(|byte| *byte == b']')?;
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    const OURS: &str = "aws_access_key_id = ASIAEXAMPLE\naws_secret_access_key = k/e+y\naws_session_token = token==\n";

    fn merged(existing: &str, profile: &str) -> String {
        String::from_utf8(merge(existing.as_bytes(), profile, &credentials("k/e+y", "token=="), None)).unwrap()
    }

    #[test]
    fn a_profile_is_added_at_the_end() {
        assert_eq!(merged("", "default"), format!("[default]\n{OURS}"));
        assert_eq!(merged("# mine\n[a]\nx = 1", "b"), format!("# mine\n[a]\nx = 1\n\n[b]\n{OURS}"));
    }

    #[test]
    fn only_our_keys_of_our_profile_are_replaced() {
        let before = "[a]\naws_access_key_id=A\n\n# b's\n[b] # ours\nregion = x\nAWS_Access_Key_Id: old\n  more\n\
                      s3 =\n  aws_session_token = nested\naws_security_token = old\n\n# of c\n[c]\naws_session_token=C\n";
        let after = format!(
            "[a]\naws_access_key_id=A\n\n# b's\n[b] # ours\nregion = x\ns3 =\n  aws_session_token = nested\n{OURS}\n\
             # of c\n[c]\naws_session_token=C\n"
        );
        assert_eq!(merged(before, "b"), after);
        assert_eq!(merged(&after, "b"), after);
    }

    #[test]
    fn account_and_region_where_they_are_known() {
        let credentials = credentials("k/e+y", "token==").of_account(Some("123456789012"));
        let merged = |existing: &str, region| String::from_utf8(merge(existing.as_bytes(), "b", &credentials, region));
        let ours = format!("{OURS}aws_account_id = 123456789012\n");
        let before = "[b]\nregion = old\nAWS_Account_Id = 1\noutput = json\n[c]\nregion = x\n";
        let after = |rest: &str| format!("[b]\n{rest}[c]\nregion = x\n");
        assert_eq!(merged(before, None).unwrap(), after(&format!("region = old\noutput = json\n{ours}")));
        let with_region = after(&format!("output = json\n{ours}region = eu-west-1\n"));
        assert_eq!(merged(before, Some("eu-west-1")).unwrap(), with_region);
        assert_eq!(merged(&with_region, Some("eu-west-1")).unwrap(), with_region);
    }

    #[test]
    fn line_ends_stay_what_they_are() {
        let ours = OURS.replace('\n', "\r\n");
        assert_eq!(
            merged("[a]\r\nx = 1\r\n[default]\r\naws_access_key_id = old\r\n", "default"),
            format!("[a]\r\nx = 1\r\n[default]\r\n{ours}")
        );
        assert_eq!(merged("[a]\r\nx = 1", "default"), format!("[a]\r\nx = 1\r\n\r\n[default]\r\n{ours}"));
    }

    #[test]
    fn nothing_that_stays_becomes_a_part_of_ours() {
        assert_eq!(
            merged("[default]\n  region = x\n  aws_access_key_id = old\n  output = json\n", "default"),
            format!("[default]\n  region = x\n  output = json\n{OURS}")
        );
        assert_eq!(
            merged("[default]\naws_session_token = old\n\n  # aside\n  rest\n[a]\n", "default"),
            format!("[default]\n{OURS}\n  # aside\n[a]\n")
        );
    }

    #[test]
    fn a_profile_that_is_there_twice_has_ours_once() {
        assert_eq!(
            merged("[default]\nx = 1\n[a]\n[default]\naws_access_key_id = old\ny = 2\n", "default"),
            format!("[default]\nx = 1\n{OURS}[a]\n[default]\ny = 2\n")
        );
    }

    #[test]
    fn names_are_compared_exactly_and_a_byte_order_mark_is_none_of_them() {
        assert_eq!(merged("[ default ]\nx = 1\n", "default"), format!("[ default ]\nx = 1\n\n[default]\n{OURS}"));
        assert_eq!(merged("\u{feff}[default]\nx = 1\n", "default"), format!("\u{feff}[default]\nx = 1\n{OURS}"));
    }

    /// Lines of every kind in any order: all that is not ours is still there, in its order, and a second time changes
    /// nothing.
    #[test]
    fn whatever_the_file_is_like() {
        const PIECES: [&str; 16] = [
            "[default]\n",
            "[work]\r\n",
            " [work]\n",
            "[ default ]\n",
            "[default] ; x\n",
            "aws_access_key_id = A\n",
            "aws_session_token\n",
            "  indented = 1\n",
            "\t\n",
            "\n",
            "# c\n",
            "  ; c\n",
            "region: x\r\n",
            "[",
            "\u{0}\n",
            "aws_secret_access_key=\n  B\n",
        ];
        for seed in 0..20_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let before: String = (0..random.usize(0..12)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
            let after = merged(&before, "default");
            assert_eq!(merged(&after, "default"), after, "{before:?}");
            assert_eq!(others(&before), others(&after), "{before:?}");
            assert_eq!(after.matches("token==").count(), 1, "{before:?}");
        }
    }

    /// Everything outside of our sections, without the line end that a last line may lack and the blank line before a
    /// new section.
    fn others(file: &str) -> String {
        let (mut lines, mut is_ours, mut others) = (Lines::default(), false, String::new());
        for line in file.split_inclusive('\n') {
            if let Line::Header(name) = lines.classify(line.as_bytes()) {
                is_ours = name == b"default";
            }
            if !is_ours {
                others.push_str(line);
            }
        }
        others.trim_end().to_owned()
    }
}
