//! Listings that never end, that end too early, and those that are only odd.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tests::http_server::Reply;

use super::Desk;
use super::fake::xml;

/// Each page is a continuation token and keys.
fn page(token: Option<&str>, keys: &[&str]) -> String {
    let contents: Vec<_> =
        keys.iter().map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>")).collect();
    let contents = contents.concat();
    let next = match token {
        Some(token) => {
            format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
        }
        None => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    format!("<?xml version=\"1.0\"?>\n<ListBucketResult>{next}{contents}</ListBucketResult>")
}

/// Answers the nth listing with what is made of n.
fn serve(desk: &Desk, pages: impl Fn(usize) -> String + Send + 'static) {
    let asked = AtomicUsize::new(0);
    desk.s3.on_request(move |operation, _| {
        (operation == "ListObjectsV2").then(|| xml(200, &pages(asked.fetch_add(1, Ordering::Relaxed))))
    });
}

type Pages = fn(usize) -> String;

#[tokio::test]
async fn a_listing_that_would_never_end_is_an_error() {
    let endless: [(&str, Pages); 7] = [
        ("the same token", |_| page(Some("SAME"), &["d/a"])),
        ("the same token and new keys", |n| page(Some("SAME"), &[&format!("d/{n}")])),
        ("an empty token", |_| page(Some(""), &["d/a"])),
        ("a blank token", |_| page(Some("  "), &["d/a"])),
        ("no token", |_| page(Some("x"), &["d/a"]).replace("<NextContinuationToken>x</NextContinuationToken>", "")),
        ("tokens in a circle", |n| page(Some(&format!("t{}", n % 3)), &[&format!("d/{n}")])),
        ("new tokens for the same page", |n| page(Some(&format!("t{n}")), &["d/a", "d/b"])),
    ];
    for (name, pages) in endless {
        for arguments in [&["list"][..], &["download", "d/", "out", "--dry-run"]] {
            let desk = Desk::start().await;
            serve(&desk, pages);
            let ran = desk.run(arguments).await;
            assert_eq!(ran.code(), Some(4), "{name}: {}", ran.stderr());
            assert!(ran.stderr().contains("the listing "), "{name}: {}", ran.stderr());
            let asked = desk.s3.take_requests().len();
            assert!(asked <= 8, "{name}: {asked} requests");
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_to_the_last_one() {
    let desk = Desk::start().await;
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&tokens);
    desk.s3.on_request(move |_, received| {
        let (_, token) = received.path.split_once("continuation-token=").unwrap_or_default();
        let token = token.split('&').next().unwrap_or_default().to_owned();
        asked.lock().unwrap().push(token.clone());
        // S3 may give a page without a key, and more behind it.
        Some(xml(
            200,
            &match token.as_str() {
                "" => page(Some("b"), &["1", "2"]),
                "b" => page(Some("c"), &[]),
                "c" => page(Some("d"), &[]),
                "d" => page(Some("e"), &["3"]),
                _ => page(None, &["4"]),
            },
        ))
    });
    assert_eq!(desk.succeed(&["list"]).await, "1\n2\n3\n4\n");
    assert_eq!(*tokens.lock().unwrap(), ["", "b", "c", "d", "e"]);
}

/// A document whose end is missing says nothing of further pages, so its objects would pass for all there are.
#[tokio::test]
async fn half_a_listing_is_not_a_whole_one() {
    let whole = page(Some("more"), &["d/a", "d/b", "d/c"]);
    let cuts = ["</Contents>", "<Contents>", "<IsTruncated>", "</ListBucketResult>", "d/b"];
    for cut in cuts.map(|part| whole.find(part).unwrap()).into_iter().chain([whole.len() - 1, 30]) {
        let desk = Desk::start().await;
        // Without a length, the end of the connection is the end of the body.
        let half = format!("HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\n\r\n{}", &whole[..cut]);
        desk.s3.on_request(move |operation, _| {
            (operation == "ListObjectsV2").then(|| Reply::Raw(half.clone().into_bytes()))
        });
        let ran = desk.run(&["list"]).await;
        assert_eq!((ran.code(), ran.stdout()), (Some(4), String::new()), "{cut}: {}", ran.stderr());
        let ran = desk.run(&["download", "d/", "out"]).await;
        assert_eq!(ran.code(), Some(4), "{cut}: {}", ran.stderr());
        assert!(!desk.path("out").exists(), "{cut}");
    }
}
