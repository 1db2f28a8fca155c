//! Settings as a TOML file: all defaults with what they are for, and what was resolved with where it comes from.
//!
//! The file of the defaults is read back to the defaults.

use std::fmt::Write;

use super::ServerConfig;
use super::sources::{Resolved, TABLE};
use super::table::Setting;
use crate::config::value::Value;

const HEADER: &str = "\
# channel-layers: every setting with its default.
#
# A flag of `channel-layers serve` counts more than an environment variable, that more than this file, that more than the
# default. Each setting has one name: frame_limit here, CHANNEL_LAYERS_FRAME_LIMIT in the environment, --frame-limit as a
# flag. Times are seconds or \"10s\", \"500ms\", \"1m\"; sizes are bytes or \"64KiB\"; \"\" leaves out what need not be there.
";

const LAYERS: &str = "
# Layers, each in a table of its own; the environment's (CHANNEL_LAYERS, USE_INMEMORY_CHANNELS, REDIS_URL) count more.
#
# [layers.default]
# backend = \"redis\"                       # or \"redis-pubsub\", or \"memory\"
# hosts = [\"redis://localhost:6379/0\"]
# prefix = \"asgi\"
";

/// A file with every setting, its help and its default.
pub fn default_toml() -> String {
    let config = ServerConfig::default();
    let mut file = format!("{HEADER}\n[{TABLE}]\n");
    let mut heading = "";
    for setting in Setting::all() {
        if setting.heading() != heading {
            heading = setting.heading();
            put(&mut file, format_args!("\n## {heading}\n"));
        }
        let also =
            setting.other_variable().map(|name| format!(" The variable {name} counts, too.")).unwrap_or_default();
        put(&mut file, format_args!("\n# {}{also}\n{}\n", setting.help(), assignment(setting, &config)));
    }
    file + LAYERS
}

impl Resolved {
    /// Every setting with its value and what that comes from, as a file; no secret is shown.
    pub fn to_toml(&self) -> String {
        let lines = self.origins().map(|(setting, origin)| (assignment(setting, self.config()), origin));
        let lines: Vec<_> = lines.collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default();
        let mut file = format!("[{TABLE}]\n");
        for (line, origin) in lines {
            put(&mut file, format_args!("{line:width$}  # {origin}\n"));
        }
        file
    }
}

fn assignment(setting: &Setting, config: &ServerConfig) -> String {
    format!("{} = {}", setting.key(), literal(&setting.get(config)))
}

/// A value as TOML has it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => format!("{number:?}"),
        Value::Text(text) => quoted(text),
        Value::List(list) => format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Map(_) => unreachable!("no setting is nothing or a map"),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => put(&mut quoted, format_args!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text takes whatever is written to it");
}
