//! Half a document is no response. The SDK's parsers take what they find: an STS response that ends inside of a token,
//! and a listing of S3 that lacks its end and therefore also the mark that there is more.

/// Whether the root element of a document is closed, by the last thing that stands in it. No element of AWS contains one
/// of its own name as its last child.
pub fn is_whole_xml(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    let mut rest = text.trim();
    // The declaration, comments and a document type come before the root element.
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    let Some(root) = rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else { return false };
    let name = root.split(|letter: char| letter.is_whitespace() || "/>".contains(letter)).next().unwrap_or_default();
    let is_one_empty_element = root.ends_with('/') && !root.contains('>');
    let ends_with_its_end_tag = root.rsplit_once("</").is_some_and(|(_, end)| end.trim_end() == name);
    !name.is_empty() && (is_one_empty_element || ends_with_its_end_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_whole_at_its_end_alone() {
        for document in [
            "<A xmlns=\"x\"><B>1</B></A>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:A xmlns:s=\"x\">\n <s:B/>\n</s:A >\n",
            "<!DOCTYPE A>\n<!-- <A></A> -->\n<A><C/><B a=\"/\">2</B></A>",
            "<?xml version=\"1.0\"?><A xmlns=\"x\" />",
        ] {
            assert!(is_whole_xml(document.as_bytes()), "{document}");
            for end in 0..document.trim_end().len() {
                assert!(!is_whole_xml(&document.as_bytes()[..end]), "{}", &document[..end]);
            }
        }
        for other in
            ["", " ", "<html>captive portal", "{}", "<A></B>", "<A></AB>", "<></>", "</>", "<A/><B/>", "\u{feff}"]
        {
            assert!(!is_whole_xml(other.as_bytes()), "{other}");
        }
    }
}
