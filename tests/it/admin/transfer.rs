//! Files of items: a round trip changes nothing.

use serde_json::{Value, json};

use tests::process::repository;

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
    the_schema_takes_what_import_takes(&installation, &path("judged.json")).await;
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

/// The schema is for editors; whatever they find fault with, `import` refuses as well, by the service's own code.
async fn the_schema_takes_what_import_takes(installation: &Installation, file: &str) {
    let changes = [
        json!({}),
        json!({"role_arn": "arn:aws-cn:iam::123456789012:role/path/a"}),
        json!({"role_arn": "arn:aws:iam::123456789012:user/a"}),
        json!({"role_arn": 1}),
        json!({"role_arn": null}),
        json!({"s3_path_prefix": ""}),
        json!({"s3_permissions": "read-write"}),
        json!({"s3_permissions": "admin"}),
        json!({"allowed_scopes": ["a", "b"]}),
        json!({"allowed_scopes": []}),
        json!({"allowed_scopes": "a"}),
        json!({"allowed_scopes": [1]}),
        json!({"session_policy": "s3-prefix"}),
        json!({"session_policy": "x".repeat(2049)}),
        json!({"session_duration_seconds": 900}),
        json!({"session_duration_seconds": 899}),
        json!({"session_duration_seconds": "900"}),
        json!({"external_id": "an-id"}),
        json!({"external_id": "an id"}),
        json!({"disabled": true}),
        json!({"disabled": "true"}),
        json!({"expires_at": 7_258_118_400_u64}),
        json!({"expires_at": 7_258_118_401_u64}),
        json!({"expires_at": "2027-01-31"}),
        json!({"source_cidrs": ["10.0.0.0/8"]}),
        json!({"source_cidrs": []}),
        json!({"issuer": 1}),
        json!({"observe": ["source_cidrs", "expires_at", "allowed_scopes"]}),
        json!({"observe": ["disabled"]}),
        json!({"observe": []}),
        json!({"observe": "source_cidrs"}),
        json!({"owner": "team-a", "count": 7, "tags": {"M": {}}}),
    ];
    let files: Vec<Value> = changes
        .iter()
        .map(|changes| {
            let mut item =
                json!({"client_id": "judged", "role_arn": "arn:aws:iam::123456789012:role/a", "s3_path_prefix": "x/"});
            item.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            json!({"clients": [item]})
        })
        .collect();
    let (mut taken, mut judged) = (0, valid_by_schema(installation, &files).await.into_iter());
    for (content, changes) in files.iter().zip(&changes) {
        std::fs::write(file, content.to_string()).unwrap();
        let ran = installation.admin(&["import", file, "--dry-run"]).await;
        let (is_taken, is_valid) = (ran.code() == Some(0), judged.next().unwrap());
        assert_eq!(is_taken, is_valid, "{changes}: {}", ran.stderr());
        taken += usize::from(is_taken);
    }
    assert!(taken > 8 && taken < files.len() - 8, "{taken}");
}

/// By Python's `jsonschema`, as an editor would.
async fn valid_by_schema(installation: &Installation, files: &[Value]) -> Vec<bool> {
    const VALIDATE: &str = "import json, jsonschema, sys\n\
        given = json.load(sys.stdin)\n\
        validator = jsonschema.Draft202012Validator(given['schema'])\n\
        validator.check_schema(given['schema'])\n\
        print(json.dumps([validator.is_valid(file) for file in given['files']]))\n";
    let schema = installation.admin(&["schema"]).await.stdout();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let given = installation.home.path().join("given.json");
    std::fs::write(&given, json!({"schema": schema, "files": files}).to_string()).unwrap();
    let mut command = std::process::Command::new(repository().join(".tools/venv/bin/python"));
    command.arg("-c").arg(VALIDATE).stdin(std::fs::File::open(&given).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
