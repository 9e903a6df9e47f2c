//! The instance metadata service: version 2 with its sessions, and nothing of version 1.

use tests::upstream::SECRET_ACCESS_KEY;

use super::{Reply, Served, send};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const SESSION: &str = "x-aws-ec2-metadata-token";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials";

async fn put(served: &Served, headers: &[(&str, &str)]) -> Reply {
    send(&served.address, "PUT", "/latest/api/token", headers).await
}

#[tokio::test]
async fn a_session_as_the_sdks_have_it() {
    let served = Served::start(&["--imds"]).await;
    let answered = put(&served, &[(TTL, "21600")]).await;
    assert_eq!((answered.status, answered.headers[TTL].as_str()), (200, "21600"));
    let session = answered.body;
    let get = |path: String| {
        let (served, session) = (&served, session.as_str());
        async move { served.get(&path, &[(SESSION, session)]).await }
    };
    assert_eq!(get(CREDENTIALS.to_owned()).await.body, "default");
    assert_eq!(get(format!("{CREDENTIALS}/")).await.body, "default");
    let credentials = get(format!("{CREDENTIALS}/default")).await.credentials();
    assert_eq!((&credentials["Code"], &credentials["Type"]), (&"Success".into(), &"AWS-HMAC".into()));
    assert_eq!(credentials["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert!(credentials["Expiration"].as_str().unwrap().ends_with('Z'));
    assert_eq!(get("/latest/meta-data/placement/region".to_owned()).await.body, "eu-west-1");
    let document = get("/latest/dynamic/instance-identity/document".to_owned()).await.json();
    assert_eq!(document["region"], "eu-west-1");
    for path in ["/latest/", "/latest/user-data", "/latest/meta-data/iam/security-credentialsx"] {
        assert_eq!(get(path.to_owned()).await.status, 404, "{path}");
    }
    assert_eq!(get(format!("{CREDENTIALS}/other")).await.status, 404);
    // The session of one start is none of the next.
    let other = Served::start(&["--imds"]).await;
    assert_eq!(other.get(CREDENTIALS, &[(SESSION, &session)]).await.status, 401);
}

#[tokio::test]
async fn refusals() {
    let served = Served::start(&["--imds"]).await;
    for path in [CREDENTIALS.to_owned(), format!("{CREDENTIALS}/default"), "/latest/meta-data/".to_owned()] {
        assert_eq!(served.get(&path, &[]).await.status, 401, "version 1: {path}");
        for session in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &served.token()] {
            assert_eq!(served.get(&path, &[(SESSION, session)]).await.status, 401, "{session}");
        }
    }
    for lifetime in ["0", "21601", "-1", "", "x", "1.5", "99999999999999999999"] {
        assert_eq!(put(&served, &[(TTL, lifetime)]).await.status, 400, "{lifetime}");
    }
    assert_eq!(put(&served, &[]).await.status, 400);
    assert_eq!(put(&served, &[(TTL, "60"), ("x-forwarded-for", "10.0.0.1")]).await.status, 403);
    assert_eq!(served.get("/latest/api/token", &[(TTL, "60")]).await.status, 405);
    assert_eq!(send(&served.address, "POST", CREDENTIALS, &[]).await.status, 405);
    let short = put(&served, &[(TTL, "1")]).await.body;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while served.get(CREDENTIALS, &[(SESSION, &short)]).await.status != 401 {
        assert!(std::time::Instant::now() < deadline, "a session of one second lives on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn off_unless_asked_for() {
    let served = Served::start(&[]).await;
    assert_eq!(put(&served, &[(TTL, "60")]).await.status, 405);
    assert_eq!(served.get(CREDENTIALS, &[]).await.status, 404);
}
