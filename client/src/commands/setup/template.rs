//! Texts with gaps, kept in files of the format that they have.

/// `template` with a value in place of each `{{name}}`. A line that holds a placeholder and nothing else is replaced whole,
/// so the value brings its own line ends, and an empty one leaves no line. Values are not looked at again.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
    let mut text = String::with_capacity(template.len());
    for line in template.split_inclusive('\n') {
        let placeholder = line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}\n"));
        match placeholder {
            Some(name) => text.push_str(value(name)),
            None => fill_line(line, &mut text, value),
        }
    }
    text
}

fn fill_line<'a>(line: &str, text: &mut String, value: impl Fn(&str) -> &'a str) {
    let mut rest = line;
    while let Some((before, name, after)) = next_placeholder(rest) {
        text.push_str(before);
        text.push_str(value(name));
        rest = after;
    }
    text.push_str(rest);
}

fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_lines_and_whole_lines() {
        let template = "a: {{a}} {{b}}\n{{lines}}\n{{nothing}}\nz\n";
        let values = [("a", "{{b}}"), ("b", "2"), ("lines", "x\ny\n"), ("nothing", "")];
        assert_eq!(fill(template, &values), "a: {{b}} 2\nx\ny\nz\n");
    }
}
