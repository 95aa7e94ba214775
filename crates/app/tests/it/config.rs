//! Configuration: what is set, where it was said, and what is refused.

use crate::support::{Home, says, stderr, stdout};
use serde_json::{Value, json};
use std::process::Output;

fn with_env(home: &Home, variables: &[(&str, &str)], args: &[&str]) -> Output {
    home.command(args).envs(variables.iter().copied()).output().expect("the program starts")
}

#[test]
fn show_tells_where_each_value_came_from() {
    let home = Home::new();
    home.file("metria.toml", "[server]\nport = 6001\nmax_body_bytes = 5000\n[log]\nformat = \"json\"\n");
    let variables = [("METRIA_SERVER_MAX_BODY_BYTES", "6000"), ("METRIA_LOG_FILTER", "debug")];
    let output = with_env(&home, &variables, &["config", "show", "--json"]);
    let shown: Value = serde_json::from_str(&stdout(&output)).expect("one JSON document");
    assert_eq!(shown["server.port"], json!({"value": "6001", "source": "metria.toml"}));
    assert_eq!(shown["server.max_body_bytes"], json!({"value": "6000", "source": "METRIA_SERVER_MAX_BODY_BYTES"}));
    assert_eq!(shown["log.filter"], json!({"value": "debug", "source": "METRIA_LOG_FILTER"}));
    assert_eq!(shown["log.format"]["source"], "metria.toml");
    assert_eq!(shown["server.host"], json!({"value": "127.0.0.1", "source": "default"}));
    assert_eq!(shown["home"]["source"], "METRIA_HOME");
    let output = with_env(&home, &variables, &["config", "show", "--home", "elsewhere"]);
    let line = stdout(&output).lines().find(|line| line.starts_with("home ")).map(str::to_owned).expect("a line");
    assert_eq!(line.split_whitespace().take(4).collect::<Vec<_>>(), ["home", "elsewhere", "command", "line"]);
    assert!(!home.path("elsewhere").exists(), "looking makes nothing");
}

#[test]
fn check_says_yes_or_why_not() {
    let home = Home::new();
    says(&home.ok(&["config", "check"]), &["the configuration is sound; home is"]);
    assert_eq!(home.json(&["config", "check"])["ok"], true);
    for (toml, words) in [
        ("[server]\nprot = 6001\n", vec!["`server.prot`", "metria.toml", "nearest known one is `server.port`"]),
        ("hoem = \"x\"\n", vec!["`hoem`", "nearest known one is `home`"]),
        ("[server]\nport = 70000\n", vec!["server.port", "0 to 65535", "`70000`", "metria.toml"]),
        ("[server]\nport = \"high\"\n", vec!["server.port", "`high`", "metria.toml"]),
        ("[server]\nhost = \"example.org\"\n", vec!["server.host", "IP address", "`example.org`", "metria.toml"]),
        ("[server]\nhost = \"0.0.0.0\"\n", vec!["0.0.0.0", "without authentication", "--insecure-no-auth"]),
        ("[store]\ndurability = \"some\"\n", vec!["store.durability", "`power_loss`", "`some`", "metria.toml"]),
        ("[log]\nformat = \"xml\"\n", vec!["log.format", "`text` or `json`", "`xml`"]),
        ("[log]\nfilter = \"metria=loud\"\n", vec!["log.filter", "a level", "`metria=loud`", "metria.toml"]),
        ("[server\n", vec!["metria.toml is not valid TOML", "line 1"]),
    ] {
        home.file("metria.toml", toml);
        says(&home.refused(1, &["config", "check"]), &words);
        says(&home.refused(1, &["runs", "list"]), &words);
        assert!(!home.path("home").exists(), "{toml}: nothing is made");
    }
}

#[test]
fn variables_and_flags_that_are_wrong() {
    let home = Home::new();
    for (name, value, words) in [
        ("METRIA_SERVER_PORT", "many", vec!["server.port", "`many`", "METRIA_SERVER_PORT"]),
        ("METRIA_SERVER_INSECURE_NO_AUTH", "yes", vec!["true or false", "`yes`", "METRIA_SERVER_INSECURE_NO_AUTH"]),
        ("METRIA_SERVING_MAX_INSTANCES", "-1", vec!["serving.max_instances", "`-1`", "METRIA_SERVING_MAX_INSTANCES"]),
        ("METRIA_STORE_DURABILITY", "x", vec!["store.durability", "METRIA_STORE_DURABILITY"]),
        ("METRIA_CONFIG", "no.toml", vec!["configuration file no.toml", "No such file"]),
    ] {
        let mut variables = vec![(name, value)];
        if name == "METRIA_SERVER_INSECURE_NO_AUTH" {
            variables.push(("METRIA_SERVER_HOST", "0.0.0.0"));
        }
        let output = with_env(&home, &variables, &["config", "check"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        says(&stderr(&output), &words);
        let output = with_env(&home, &variables, &["config", "check", "--json"]);
        let error: Value = serde_json::from_str(&stderr(&output)).expect("the error is one JSON document");
        says(error["error"]["message"].as_str().expect("a message"), &words);
    }
    says(&home.refused(2, &["server", "--host", "example.org"]), &["server.host", "example.org", "command line"]);
    says(&home.refused(2, &["server", "--host", "0.0.0.0"]), &["0.0.0.0", "--insecure-no-auth"]);
    assert_eq!(home.run(&["server", "--port", "70000"]).status.code(), Some(2));
    says(&home.refused(2, &["runs", "list", "--log", "metria=loud"]), &["log.filter", "target=level", "metria=loud"]);
}

#[test]
fn what_the_user_says_beats_a_commands_own_default() {
    let home = Home::new();
    let output = with_env(&home, &[("METRIA_LOG_FILTER", "debug")], &["runs", "list"]);
    assert!(stderr(&output).contains("DEBUG"), "{}", stderr(&output));
    assert_eq!(stderr(&home.run(&["runs", "list"])), "", "otherwise it keeps quiet");
}

#[test]
fn homes_that_cannot_be() {
    let home = Home::new();
    home.file("taken", "x");
    for place in ["taken", "taken/below", "/proc/metria"] {
        says(&home.refused(1, &["runs", "list", "--home", place]), &["cannot make the home folder", place]);
    }
    std::fs::create_dir_all(home.path("odd/metria.db")).unwrap();
    says(&home.refused(1, &["runs", "list", "--home", "odd"]), &["cannot open the records in odd/metria.db"]);
    std::fs::create_dir_all(home.path("noise")).unwrap();
    home.file("noise/metria.db", "this is no database, whatever its name says. ".repeat(50));
    says(&home.refused(1, &["runs", "list", "--home", "noise"]), &["records in noise/metria.db", "not a database"]);
    home.file("artifacts", "x");
    let output = with_env(&home, &[("METRIA_ARTIFACTS_ROOT", "artifacts")], &["runs", "list"]);
    assert_eq!(output.status.code(), Some(1));
    says(&stderr(&output), &["cannot make the artifact folder", "artifacts"]);
    let output = with_env(&home, &[("METRIA_ARTIFACTS_ROOT", "gs://bucket/x")], &["runs", "list"]);
    says(&stderr(&output), &["must be a folder", "gs://bucket/x"]);
    let output = with_env(&home, &[("METRIA_ARTIFACTS_ROOT", "s3://bucket/x")], &["runs", "list"]);
    says(&stderr(&output), &["no key to the bucket of `s3://bucket/x`", "AWS_ACCESS_KEY_ID"]);
    let output = with_env(&home, &[("METRIA_STORE_URL", "mysql://x")], &["runs", "list"]);
    says(&stderr(&output), &["sqlite:PATH", "mysql://x"]);
}

#[test]
fn a_home_that_nobody_may_write() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let locked = home.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(locked.join("x"), "").is_ok() {
        // Root may write anywhere; `/proc/metria` above is what even root may not.
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
        return;
    }
    says(&home.refused(1, &["runs", "list", "--home", "locked"]), &["cannot write into the home folder", "locked"]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn webhooks_settings_are_checked() {
    let home = Home::new();
    for (name, value, words) in [
        ("METRIA_WEBHOOKS_SCHEMES", "ftp", vec!["webhooks.schemes", "`https`, `http` or both", "`ftp`"]),
        ("METRIA_WEBHOOKS_SCHEMES", ",", vec!["webhooks.schemes", "METRIA_WEBHOOKS_SCHEMES"]),
        ("METRIA_WEBHOOKS_ALLOW_PRIVATE", "maybe", vec!["webhooks.allow_private", "true or false", "`maybe`"]),
        ("METRIA_WEBHOOKS_TIMEOUT_SECONDS", "0", vec!["webhooks.timeout_seconds", "1 to 300", "`0`"]),
        ("METRIA_WEBHOOKS_MAX_RETRIES", "-1", vec!["webhooks.max_retries", "0 to 20", "`-1`"]),
    ] {
        let output = with_env(&home, &[(name, value)], &["config", "check"]);
        assert_eq!(output.status.code(), Some(1), "{name}={value}");
        says(&stderr(&output), &words);
    }
}
