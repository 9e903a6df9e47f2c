//! Which rows of a result: a size, and Athena's token for where they begin.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// As many rows as Athena gives in one response.
const MAX_ROWS: usize = 1000;
/// Longest `NextToken` of Athena.
const MAX_TOKEN: usize = 1024;

/// A page that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows, without a header row.
    pub(crate) max_rows: usize,
    /// So many are likely to have room in a response: what the page before has found.
    likely_rows: usize,
    /// Athena's own token; `None` for the first page.
    pub(crate) token: Option<String>,
}

impl Page {
    /// The first page, of at most so many rows.
    pub(crate) fn first(max_rows: u64) -> Self {
        let max_rows = usize::try_from(max_rows).unwrap_or(MAX_ROWS);
        Self { max_rows, likely_rows: max_rows, token: None }
    }

    pub(crate) fn is_first(&self) -> bool {
        self.token.is_none()
    }

    /// Reads a `nextPage`. What is in it is the caller's to change: a size is no secret, and Athena knows its own tokens.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rows, token) = text.rsplit_once('.')?;
        let (max_rows, likely_rows) = rows.split_once('.')?;
        let number = |text: &str| text.parse().ok().filter(|rows| (1..=MAX_ROWS).contains(rows));
        let (max_rows, likely_rows) = (number(max_rows)?, number(likely_rows)?);
        let token = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let is_token = (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then_some(Self { max_rows, likely_rows, token: Some(token) })
    }

    /// The page after this one, in characters that need no escaping in a URL.
    pub(crate) fn next(&self, likely_rows: usize, token: &str) -> String {
        let likely_rows = likely_rows.clamp(1, self.max_rows);
        format!("{}.{likely_rows}.{}", self.max_rows, URL_SAFE_NO_PAD.encode(token))
    }

    /// What Athena is asked for: `header` rows more on the first page, as far as there is room.
    pub(crate) fn size(&self, header: usize) -> usize {
        (self.max_rows.min(self.likely_rows) + header).min(MAX_ROWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_is_read_back() {
        let next = Page::first(7).next(5, "a+b/c==");
        assert_eq!(next, "7.5.YStiL2M9PQ");
        let page = Page::parse(&next).unwrap();
        assert_eq!(page, Page { max_rows: 7, likely_rows: 5, token: Some("a+b/c==".to_owned()) });
        assert_eq!((page.size(0), Page::first(1000).size(1), Page::first(1).size(1)), (5, 1000, 2));
        assert_eq!(
            (Page::first(7).next(0, "a"), Page::first(7).next(9, "a")),
            ("7.1.YQ".to_owned(), "7.7.YQ".to_owned())
        );
    }

    #[test]
    fn forged_ones_are_none() {
        let long = format!("1.1.{}", URL_SAFE_NO_PAD.encode("x".repeat(MAX_TOKEN + 1)));
        for forged in [
            "",
            ".",
            "..",
            "1.1.",
            "0.1.YQ",
            "1.0.YQ",
            "1001.1.YQ",
            "-1.1.YQ",
            "1.1.Y",
            "1.1.YQ==",
            "1.1.YS+i",
            "1.1.gA",
            "1.1.AA",
            "a.1.YQ",
            "1.YQ",
            "YQ",
            "1.1.1.YQ",
            &long,
        ] {
            assert_eq!(Page::parse(forged), None, "{forged:?}");
        }
    }
}
