//! Settings from flags, the environment and a file, and what `config` says of them.

use std::fs;
use std::process::Output;

use super::{Running, command, fails};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs a command with these variables in a folder with this `channel-layers.toml`.
fn run(args: &[&str], variables: &[(&str, &str)], file: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("channel-layers.toml"), file).unwrap();
    command(args).current_dir(folder.path()).envs(variables.iter().copied()).output().unwrap()
}

/// What `config show` says of a setting.
fn shown(output: &Output, key: &str) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let line = text(&output.stdout).lines().find(|line| line.starts_with(&format!("{key} = ")));
    line.unwrap_or_else(|| panic!("no {key}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_counts_more_than_the_environment_and_that_more_than_the_file() {
    let file = "[gateway]\nping = 11\npong = 12\ncompression = false\n";
    let output = run(&["config", "show", "--ping", "13s"], &[("CHANNEL_LAYERS_PONG", "14s"), ("PORT", "81")], file);
    for (key, line) in [
        ("ping", r#"ping = "13s" # --ping"#),
        ("pong", r#"pong = "14s" # CHANNEL_LAYERS_PONG"#),
        ("compression", "compression = false # channel-layers.toml"),
        ("listen", r#"listen = "0.0.0.0:81" # PORT"#),
        ("drain", r#"drain = "8s" # default"#),
    ] {
        assert_eq!(shown(&output, key), line);
    }
}

#[test]
fn a_file_is_named_by_a_flag_or_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one.toml", "two.toml"] {
        fs::write(folder.path().join(name), format!("[gateway]\nlisten = \"{name}:1\"\n")).unwrap();
    }
    let mut show = command(&["config", "show"]);
    let show = show.current_dir(folder.path()).env("CHANNEL_LAYERS_CONFIG", "one.toml");
    assert_eq!(shown(&show.output().unwrap(), "listen"), r#"listen = "one.toml:1" # one.toml"#);
    let shows = show.args(["--config", "two.toml"]).output().unwrap();
    assert_eq!(shown(&shows, "listen"), r#"listen = "two.toml:1" # two.toml"#);
    fails(&["config", "show", "--config", "/nowhere.toml"], 2, "/nowhere.toml: cannot be read");
}

#[test]
fn check_tells_everything_and_ends_with_2() {
    let file = "[gateway]\nmax_conections = 1\n[layers.default]\nbackend = \"redsi\"\n";
    let variables = [("CHANNEL_LAYERS_PINGS", "1"), ("CHANNEL_LAYERS_FRAME_LIMIT", "big")];
    let output = run(&["config", "check", "--pong", "later"], &variables, file);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for problem in [
        "channel-layers.toml: gateway.max_conections: there is no such setting; did you mean \"max_connections\"?",
        "channel-layers.toml: layers.default.backend: no layer is called \"redsi\"; did you mean \"redis\"?",
        "CHANNEL_LAYERS_FRAME_LIMIT: must be a size above 0",
        "CHANNEL_LAYERS_PINGS: there is no such setting; did you mean \"CHANNEL_LAYERS_PING\"?",
        "--pong: must be a time above 0",
        "channel-layers: 5 problems in the settings",
    ] {
        assert!(said.lines().any(|line| line.starts_with(problem)), "{problem:?} is not in\n{said}");
    }
    let wrong = run(&["config", "check", "--log", "channel_layers=loud"], &[], "");
    assert!(text(&wrong.stderr).contains("the log filter is wrong"), "{}", text(&wrong.stderr));
    let files =
        "[gateway]\ntls_cert = \"/nowhere.pem\"\ntls_key = \"/nowhere.key\"\ntoken_secret_file = [\"/nowhere\"]\n";
    let files = run(&["config", "check", "--api-keys", "short"], &[("PORT", "80")], files);
    for problem in ["/nowhere.pem: cannot be read", "/nowhere: ", "API keys: ", "channel-layers: 3 problems"] {
        assert!(text(&files.stderr).contains(problem), "{problem:?} is not in\n{}", text(&files.stderr));
    }
    let open = run(&["config", "check"], &[("PORT", "80")], "");
    assert!(text(&open.stderr).starts_with("0.0.0.0:80 can be reached by other machines"), "{}", text(&open.stderr));
    let right = run(&["config", "check"], &[], "[gateway]\nping = 3\n");
    assert_eq!((right.status.code(), text(&right.stdout)), (Some(0), "nothing is wrong\n"));
}

#[test]
fn the_file_of_defaults_changes_nothing() {
    let defaults = command(&["config", "default"]).output().unwrap();
    let output = run(&["config", "show"], &[], text(&defaults.stdout));
    assert_eq!(shown(&output, "listen"), r#"listen = "127.0.0.1:8000" # channel-layers.toml"#);
    let values = |shown: &Output| {
        let lines = text(&shown.stdout).lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&output), values(&run(&["config", "show"], &[], "")));
    let check = run(&["config", "check"], &[], text(&defaults.stdout));
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
}

#[test]
fn serve_follows_the_file_and_refuses_one_that_is_wrong() {
    let wrong = run(&["serve"], &[], "[gateway]\nlisten = 1\nping = 0\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("2 settings are wrong: "), "{}", text(&wrong.stderr));
    // A port for everybody is refused as long as nobody is asked who they are.
    let open = run(&["serve"], &[("PORT", "0")], "");
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("--allow-anonymous"), "{}", text(&open.stderr));
    let mut allowed = command(&["serve"]);
    allowed.env("PORT", "0").env("CHANNEL_LAYERS_ALLOW_ANONYMOUS", "true").env("CHANNEL_LAYERS_PINGS", "1");
    let server = Running::spawn(&mut allowed);
    assert!(server.line().starts_with("listening on http://0.0.0.0:"));
    server.says("CHANNEL_LAYERS_PINGS: there is no such setting");
}

#[test]
fn the_log_is_json_where_it_should_be() {
    let server = Running::start(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--log", "info"]);
    server.line();
    let line = server.says("channel layer");
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(entry["level"], "INFO");
    assert!(entry["message"].as_str().unwrap().starts_with("channel layer \"default\": memory"), "{line}");
}

#[test]
fn every_setting_is_in_the_help_the_completions_and_the_manual() {
    let printed = |args: &[&str]| {
        let output = command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let texts = [
        printed(&["serve", "--help"]),
        printed(&["completions", "bash"]),
        printed(&["completions", "zsh"]),
        printed(&["completions", "fish"]),
        printed(&["man"]),
    ];
    for setting in channel_layers::config::Setting::all() {
        for (text, form) in texts.iter().zip(["--{}", "--{}", "--{}", "-l {}", "\\-\\-{}"]) {
            let flag = if form.starts_with('\\') { setting.flag().replace('-', "\\-") } else { setting.flag() };
            let flag = form.replace("{}", &flag);
            assert!(text.contains(&flag), "{flag} is not in\n{text:.300}");
        }
    }
    let help = texts[0].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("[default: 64KiB] [env: CHANNEL_LAYERS_FRAME_LIMIT]"));
}
