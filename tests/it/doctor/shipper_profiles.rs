//! Profiles that the AWS SDKs read and a shipper does not, or not so.

use tests::process::binary;

use super::shippers::{SHIPPERS, Shop, harmless};

const NO_ENDPOINT: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "");

/// Fluent Bit compares headers letter by letter, leaves a CR in the last word, and reads commands from the config file and
/// keys from the credentials file alone (`flb_aws_credentials_profile.c`).
#[tokio::test]
async fn fluent_bit_is_stricter_than_the_sdks() {
    let shop = Shop::start().await;
    let credvend = binary("credvend").display().to_string();
    let process = format!("credential_process = {credvend} get-credentials");
    let keys = "aws_access_key_id = ASIA\naws_secret_access_key = CANARY\naws_session_token = CANARY";
    let (config, shared) = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE");
    for (variable, content, words) in [
        (config, format!("[profile  x]\n{process}\n"), "letter by letter"),
        (config, format!("[profile\tx]\n{process}\n"), "letter by letter"),
        (config, format!("[ profile x ]\n{process}\n"), "letter by letter"),
        (config, format!("  [profile x]\n{process}\n"), "letter by letter"),
        (config, format!("[profile x]\r\n{process}\r\n"), "CR LF"),
        (config, format!("[profile x]\nregion = a\n{process}\r\n"), "CR LF"),
        (config, format!("[profile x]\n{keys}\n"), "AWS_SHARED_CREDENTIALS_FILE alone"),
        (shared, format!("[x]\n{process}\n"), "AWS_CONFIG_FILE alone"),
        (shared, format!("[x ]\n{keys}\n"), "letter by letter"),
    ] {
        let file = shop.write("file", &content);
        let changes = [NO_ENDPOINT, (variable, file.as_str()), ("AWS_PROFILE", "x")];
        shop.expect("fluent-bit", &[], &changes, ("profile", "fail", words)).await;
        let verdict = if content.contains("CANARY") { "warn" } else { "ok" };
        shop.expect("vector", &[], &changes, ("profile", verdict, "`x`")).await;
    }
    for content in
        [format!("[profile x]\n{process}\n"), format!("# why\r\n\n[profile x] # why\n{process}\nregion = a\r\n")]
    {
        let file = shop.write("file", &content);
        let changes = [NO_ENDPOINT, (config, file.as_str()), ("AWS_DEFAULT_PROFILE", "x")];
        shop.expect("fluent-bit", &[], &changes, ("profile", "ok", "runs")).await;
    }
}

/// `profile` of an output wins over the environment.
#[tokio::test]
async fn a_profile_that_an_output_names_is_the_one_that_is_checked() {
    let shop = Shop::start().await;
    let process = format!("credential_process = {} get-credentials", binary("credvend").display());
    let file =
        shop.write("file", &format!("[profile good]\n{process}\n[profile bad]\ncredential_process = credvend\n"));
    let changes = [NO_ENDPOINT, ("AWS_CONFIG_FILE", file.as_str()), ("AWS_PROFILE", "good")];
    for (shipper, line, verdict, words) in [
        ("fluent-bit", "    profile bad", "fail", "not an absolute path"),
        ("fluent-bit", "    profile good", "ok", "`good` runs"),
        ("fluent-bit", "    Profile  missing", "fail", "no profile `missing`"),
        ("vector", "    auth:\n      profile: bad", "fail", "not an absolute path"),
        ("vector", "    auth: {profile: \"missing\"}", "fail", "no profile `missing`"),
        // Logstash has no such setting.
        ("logstash", "  profile => \"bad\"", "ok", "`good` runs"),
    ] {
        let config = shop.write("own.conf", &format!("{}{line}\n", harmless(shipper)));
        shop.expect(shipper, &["--shipper-config", &config], &changes, ("profile", verdict, words)).await;
    }
}

/// The SDKs look at `role_arn` first; Fluent Bit does not know it.
#[tokio::test]
async fn a_role_in_a_profile() {
    let shop = Shop::start().await;
    let process = format!("credential_process = {} get-credentials", binary("credvend").display());
    for (content, verdict, words) in [
        (format!("role_arn = arn:x\n{process}"), "fail", "no `source_profile`"),
        (format!("{process}\nrole_arn=arn:x\nsource_profile = y"), "warn", "second role"),
        ("role_arn = arn:x\ncredential_source = EcsContainer".to_owned(), "warn", "second role"),
        ("role_arn = arn:x".to_owned(), "fail", "no `source_profile`"),
    ] {
        let file = shop.write("file", &format!("[profile x]\n{content}\n"));
        let changes = [NO_ENDPOINT, ("AWS_CONFIG_FILE", file.as_str()), ("AWS_PROFILE", "x")];
        for shipper in SHIPPERS {
            let expected = if shipper == "fluent-bit" { ("warn", "passes over `role_arn`") } else { (verdict, words) };
            shop.expect(shipper, &[], &changes, ("profile", expected.0, expected.1)).await;
        }
    }
    let token = shop.write("jwt", "opaque");
    let file = shop.write("file", &format!("[profile x]\nrole_arn = arn:x\nweb_identity_token_file = {token}\n"));
    let changes = [NO_ENDPOINT, ("AWS_CONFIG_FILE", file.as_str()), ("AWS_PROFILE", "x")];
    shop.expect("vector", &[], &changes, ("web identity", "fail", "no JWT")).await;
}

/// Files that somebody has replaced by something else end no check in silence, and hang none.
#[tokio::test]
async fn files_that_are_no_files() {
    let shop = Shop::start().await;
    let fifo = shop.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let binary_file = shop.path("binary");
    std::fs::write(&binary_file, b"\xff\xfe").unwrap();
    let [fifo, binary_file] = [&fifo, &binary_file].map(|path| path.to_str().unwrap());
    for (path, words) in [(fifo, "not a regular file"), ("/", "not a regular file"), (binary_file, "not text")] {
        let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path);
        shop.expect("vector", &[], &[token], ("token file", "fail", words)).await;
        let profile = [NO_ENDPOINT, ("AWS_CONFIG_FILE", path)];
        shop.expect("vector", &[], &profile, ("profile", "fail", words)).await;
        shop.expect("vector", &["--shipper-config", path], &[], ("config", "fail", words)).await;
    }
}
