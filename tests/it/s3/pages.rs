//! What answers in S3's place with status 200: log-in pages, web servers at the wrong endpoint.

use tests::http_server::Reply;

use super::fake::xml;
use super::{Desk, MEBIBYTE, bytes};

const HTML: &str = "<!DOCTYPE html><html><body>Please log in</body></html>";

fn reply(headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply::Whole(200, headers, body.as_bytes().to_vec())
}

#[tokio::test]
async fn nothing_but_s3s_response_is_a_success() {
    let pages: [(&[(&str, &str)], &str); 7] = [
        (&[("content-type", "text/html")], HTML),
        (&[("content-type", "text/html; charset=utf-8"), ("etag", "\"5f-1\"")], HTML),
        (&[("content-type", "Application/XHTML+XML")], "<?xml version=\"1.0\"?><html/>"),
        (&[], HTML),
        (&[("content-type", "text/plain")], "OK"),
        (&[("content-type", "application/json")], "{\"status\": \"ok\"}"),
        (&[], ""),
    ];
    for (headers, body) in pages {
        let desk = Desk::start().await;
        desk.file("a", b"x");
        desk.file("big", &bytes(17 * MEBIBYTE));
        desk.s3.on_request(move |_, _| Some(reply(headers, body)));
        for arguments in [
            &["upload", "a"][..],
            &["upload", "a", "--checksum", "none"],
            &["upload", "big"],
            &["download", "a", "copy"],
            &["download", "a", "-"],
            &["download", "a", "copy", "--checksum", "none"],
            &["download", "d/", "out"],
            &["list"],
            &["delete", "a"],
        ] {
            let ran = desk.run(arguments).await;
            let said = ran.stderr();
            assert_eq!(
                (ran.code(), ran.stdout()),
                (Some(4), String::new()),
                "{arguments:?} {headers:?} {body}: {said}"
            );
            assert!(said.contains("S3's") && said.contains("s3://bucket/"), "{arguments:?} {body}: {said}");
        }
        assert_eq!(desk.names(""), ["a", "big", "cache"], "{headers:?} {body}: nothing is kept");
    }
}

#[tokio::test]
async fn a_page_in_the_middle_of_an_upload_makes_no_object() {
    for operation in ["UploadPart", "CompleteMultipartUpload"] {
        let desk = Desk::start().await;
        desk.file("big", &bytes(17 * MEBIBYTE));
        desk.s3.on_request(move |asked, _| {
            asked.starts_with(operation).then(|| reply(&[("content-type", "text/html"), ("etag", "\"1\"")], HTML))
        });
        let ran = desk.run(&["upload", "big"]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(4), String::new()), "{operation}: {}", ran.stderr());
        assert!(ran.stderr().contains("web page"), "{operation}: {}", ran.stderr());
        desk.s3.mend();
        desk.succeed(&["upload", "big"]).await;
        assert_eq!(desk.s3.keys(), ["big"], "it is resumed");
    }
}

/// A page may be what was uploaded. A server that sends no request id is asked for a listing, which no web server has.
#[tokio::test]
async fn an_object_that_is_a_page_is_downloaded() {
    for id in [Some(("x-amz-request-id", "1")), None] {
        let desk = Desk::start().await;
        desk.s3.on_request(move |operation, _| {
            let headers = [("content-type", "text/html"), ("etag", "\"1\"")].into_iter().chain(id).collect::<Vec<_>>();
            (operation == "GET ").then(|| reply(&headers, HTML))
        });
        desk.succeed(&["download", "index.html", "copy"]).await;
        assert_eq!(std::fs::read(desk.path("copy")).unwrap(), HTML.as_bytes());
        let listed = desk.s3.take_requests().contains(&"ListObjectsV2".to_owned());
        assert_eq!(listed, id.is_none());
    }
    // A listing that is refused is S3's as well.
    let desk = Desk::start().await;
    desk.s3.on_request(|operation, _| match operation {
        "GET " => Some(reply(&[("content-type", "text/html"), ("etag", "\"1\"")], HTML)),
        _ => Some(super::fake::error(403, "AccessDenied")),
    });
    desk.succeed(&["download", "index.html", "copy"]).await;
}

/// A range that is another one, or of another object, would be written to the wrong place.
#[tokio::test]
async fn a_range_that_was_not_asked_for_is_not_taken() {
    let size = 40 * MEBIBYTE;
    for lie in [
        |range: &str| range.replace(&format!("/{}", 40 * MEBIBYTE), "/41"),
        |range: &str| range.replacen("bytes ", "bytes 1", 1),
        |range: &str| {
            range.split_once('-').map(|(start, _)| format!("{start}-{}/*", 50 * MEBIBYTE)).unwrap_or_default()
        },
        |range: &str| range.replacen("bytes ", "", 1),
    ] {
        let desk = Desk::start().await;
        desk.s3.put("object", &bytes(size));
        desk.file("copy", b"precious");
        desk.s3.on_request(move |operation, received| {
            let asked = operation.strip_prefix("GET bytes=")?;
            let (start, end) = asked.split_once('-')?;
            let length = end.parse::<usize>().ok()? - start.parse::<usize>().ok()? + 1;
            let told = lie(&format!("bytes {asked}/{size}"));
            let etag = received.headers.get("if-match").cloned()?;
            let headers = vec![("content-range".to_owned(), told), ("etag".to_owned(), etag)];
            Some(Reply::Whole(206, headers, vec![0; length]))
        });
        let ran = desk.run(&["download", "object", "copy"]).await;
        assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
        assert!(ran.stderr().contains("not the range"), "{}", ran.stderr());
        assert_eq!(std::fs::read(desk.path("copy")).unwrap(), b"precious");
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_s3s_is_told_as_such() {
    let desk = Desk::start().await;
    desk.file("a", b"x");
    for (status, exit, said) in [
        (403, 3, "a proxy, gateway or firewall in between"),
        (302, 1, "this is a redirect"),
        (404, 1, "AWS_ENDPOINT_URL_S3"),
        (405, 1, "AWS_ENDPOINT_URL_S3"),
    ] {
        desk.s3.on_request(move |_, _| {
            Some(Reply::Whole(status, vec![("content-type".to_owned(), "text/html".to_owned())], HTML.into()))
        });
        for arguments in [&["upload", "a"][..], &["download", "a", "x"], &["list"], &["delete", "a"]] {
            let ran = desk.run(arguments).await;
            assert_eq!(ran.code(), Some(exit), "{status} {arguments:?}: {}", ran.stderr());
            assert!(ran.stderr().contains(said), "{status} {arguments:?}: {}", ran.stderr());
            assert!(!ran.stderr().contains("the identity lacks"), "{}", ran.stderr());
        }
    }
}

/// Amazon S3 API Reference, `CompleteMultipartUpload`: an error can come with status 200.
#[tokio::test]
async fn an_error_with_status_200_is_an_error() {
    let late =
        |code: &str| format!("<?xml version=\"1.0\"?>\n\n<Error><Code>{code}</Code><Message>x</Message></Error>");
    for (code, exit, completions) in [("InternalError", 4, 5), ("SlowDown", 4, 5), ("InvalidPart", 1, 1)] {
        let desk = Desk::start().await;
        desk.file("big", &bytes(17 * MEBIBYTE));
        let body = late(code);
        desk.s3.on_request(move |operation, _| operation.starts_with("Complete").then(|| xml(200, &body)));
        let ran = desk.run(&["upload", "big"]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(exit), String::new()), "{code}: {}", ran.stderr());
        assert!(ran.stderr().contains(code), "{}", ran.stderr());
        let asked = desk.s3.take_requests();
        assert_eq!(asked.iter().filter(|asked| asked.starts_with("Complete")).count(), completions, "{asked:?}");
    }
}
