//! Files of items: a round trip changes nothing.

use serde_json::{Value, json};

use super::Installation;

#[tokio::test]
async fn a_round_trip_changes_nothing() {
    let installation = Installation::start().await;
    installation.register("web-01").await;
    let path = |name: &str| installation.home.path().join(name).display().to_string();
    let role = "arn:aws:iam::123456789012:role/a";
    let clients: Vec<Value> = (0..60)
        .map(|number| json!({"client_id": format!("client-{number:02}"), "role_arn": role, "s3_path_prefix": format!("x/{number}/"),
            "allowed_scopes": ["b", "a"], "note": {"M": {"deep": {"L": [{"N": "1.5"}, {"SS": ["x"]}]}}}, "count": number}))
        .collect();
    std::fs::write(path("many.json"), json!({"clients": clients}).to_string()).unwrap();
    let dry = installation.json(&["import", &path("many.json"), "--dry-run"]).await;
    assert_eq!(dry.as_array().map(Vec::len), Some(60));
    assert_eq!(installation.json(&["clients", "list"]).await.as_array().map(Vec::len), Some(1));
    assert_eq!(installation.admin(&["import", &path("many.json")]).await.code(), Some(0));

    for format in ["json", "toml"] {
        let exported = installation.admin(&["export", "--format", format]).await;
        assert_eq!(exported.code(), Some(0), "{}", exported.stderr());
        let file = path(&format!("export.{format}"));
        std::fs::write(&file, exported.stdout()).unwrap();
        let ran = installation.admin(&["import", &file, "--prune"]).await;
        assert_eq!((ran.code(), ran.stdout().as_str()), (Some(0), "nothing to change\n"), "{format}: {}", ran.stderr());
    }
    one_attribute_is_one_change(&installation, &path("export.json")).await;
    a_faulty_file_writes_nothing(&installation, &path("faulty.json")).await;
    nothing_is_deleted_unless_told(&installation, &path("few.json")).await;
}

async fn one_attribute_is_one_change(installation: &Installation, file: &str) {
    let mut exported: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let clients = exported["clients"].as_array_mut().unwrap();
    clients.iter_mut().find(|item| item["client_id"] == "client-07").unwrap()["disabled"] = true.into();
    std::fs::write(file, exported.to_string()).unwrap();
    let changes = installation.json(&["import", file]).await;
    assert_eq!(changes.as_array().map(Vec::len), Some(1), "{changes}");
    let shown = installation.json(&["clients", "show", "client-07"]).await;
    assert_eq!((&shown["state"], &shown["item"]["count"]), (&"disabled".into(), &7.into()));
}

async fn a_faulty_file_writes_nothing(installation: &Installation, file: &str) {
    for (clients, named) in [
        (
            json!([{"client_id": "new-1", "role_arn": "arn:aws:iam::123456789012:role/a", "s3_path_prefix": "x/"},
            {"client_id": "new-2", "role_arn": "nonsense", "s3_path_prefix": "x/"}]),
            "`role_arn`",
        ),
        (json!([{"client_id": "new-1", "allowed_scopes": []}]), "`allowed_scopes`"),
        (json!([{"role_arn": "a"}]), "`client_id` is missing"),
    ] {
        std::fs::write(file, json!({"clients": clients}).to_string()).unwrap();
        let ran = installation.admin(&["import", file]).await;
        assert_eq!(ran.code(), Some(1));
        assert!(ran.stderr().contains(named), "{}", ran.stderr());
        assert_eq!(installation.admin(&["clients", "show", "new-1"]).await.code(), Some(1));
    }
}

async fn nothing_is_deleted_unless_told(installation: &Installation, file: &str) {
    let few = json!({"clients": [{"client_id": "client-00", "role_arn": "arn:aws:iam::123456789012:role/a", "s3_path_prefix": "x/"}]});
    std::fs::write(file, few.to_string()).unwrap();
    assert_eq!(installation.admin(&["import", file]).await.code(), Some(0));
    let count = async || installation.json(&["clients", "list"]).await.as_array().map(Vec::len);
    assert_eq!(count().await, Some(61));
    let refused = installation.admin(&["import", file, "--prune"]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr().contains("--yes"), "{}", refused.stderr());
    assert_eq!(count().await, Some(61));
    assert_eq!(installation.admin(&["import", file, "--prune", "--yes"]).await.code(), Some(0));
    assert_eq!(count().await, Some(1));
}
