//! Where settings come from, and what becomes of them: sources are read from the least to the most that counts, so that
//! each overrides what was before it and none hides what is wrong in another.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::ServerConfig;
use super::kind::Shape;
use super::table::{Setting, VARIABLES};
use crate::config::env::{self, Choice};
use crate::config::problems::Problems;
use crate::config::value::Value;
use crate::config::{LayersConfig, TOML, parse_toml, read};
use crate::nearest::suggestion;

/// The file that is read where none is named, from the working directory.
const FILE: &str = "channel-layers.toml";

/// The variable that names the file.
const FILE_VARIABLE: &str = "CHANNEL_LAYERS_CONFIG";

/// The table of the file that holds the settings.
pub(super) const TABLE: &str = "gateway";

/// Variables that Kubernetes sets in every container for a service called `channel-layers`. They are nobody's mistake.
const KUBERNETES: [&str; 2] = ["CHANNEL_LAYERS_SERVICE_", "CHANNEL_LAYERS_PORT"];

/// Everything that may say something: the command line, the environment, a file.
#[derive(Default)]
pub struct Sources {
    flags: Vec<(String, Vec<String>)>,
    environment: Vec<(OsString, OsString)>,
    file: File,
}

#[derive(Default)]
enum File {
    /// The one that the environment names, or that is there.
    #[default]
    Usual,
    At(PathBuf),
    Text(String),
}

/// What a setting's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// The file.
    File(String),
    /// This environment variable.
    Variable(String),
    /// The command line.
    Flag(String),
}

/// Settings that were read and are right.
#[derive(Debug)]
pub struct Resolved {
    config: ServerConfig,
    origins: Vec<Origin>,
    layers: Choice,
}

impl Sources {
    /// The environment of this process, and the file that it names with `CHANNEL_LAYERS_CONFIG`, or else
    /// `channel-layers.toml` in the working directory where there is one.
    pub fn from_env() -> Self {
        Self::new(std::env::vars_os())
    }

    /// The same with another environment.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(environment: impl IntoIterator<Item = (N, V)>) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { environment, ..Self::default() }
    }

    /// Reads this file, and no other.
    pub fn file(&mut self, path: impl Into<PathBuf>) {
        self.file = File::At(path.into());
    }

    /// Takes this text for the file's.
    pub fn toml(&mut self, text: impl Into<String>) {
        self.file = File::Text(text.into());
    }

    /// Adds what the command line says of a setting, by its key.
    pub fn flag<V: Into<String>>(&mut self, key: impl Into<String>, values: impl IntoIterator<Item = V>) {
        self.flags.push((key.into(), values.into_iter().map(Into::into).collect()));
    }

    /// Reads every source.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with the flag, the variable or the place in the file.
    pub fn resolve(&self) -> Result<Resolved, Problems> {
        let mut problems = Problems::default();
        let mut settings = Settings::default();
        let layers = self.read_file(&mut settings, &mut problems);
        self.read_environment(&mut settings, &mut problems);
        self.read_flags(&mut settings, &mut problems);
        let Settings { mut config, origins } = settings;
        config.complete(&mut problems);
        let choice = env::choose(|name| self.variable(name), layers);
        let layers = choice.map_err(|found| problems.append(found)).ok();
        let resolved = layers.map(|layers| Resolved { config, origins, layers });
        problems.settle(())?;
        Ok(resolved.expect("layers that could not be chosen are a problem"))
    }

    /// Reads the file's settings, and its layers where it has some.
    fn read_file(&self, settings: &mut Settings, problems: &mut Problems) -> Option<(LayersConfig, String)> {
        let (name, text) = self.open_file(problems)?;
        let place = |path: &str| if name.is_empty() { path.to_owned() } else { format!("{name}: {path}") };
        let tables = match parse_toml(&text) {
            Ok(tables) => tables,
            Err(what) => {
                problems.add(&place("the file"), what);
                return None;
            }
        };
        let mut layers = None;
        for (table, value) in &tables {
            match table.as_str() {
                TABLE => {
                    let entries = problems.map(&place(TABLE), value);
                    settings.read_table(entries.into_iter().flatten(), &name, place, problems);
                }
                table if table == TOML.root => match read(value, TOML) {
                    Ok(read) => layers = Some((read, name.clone())),
                    Err(found) => found.iter().for_each(|problem| problems.push(place(problem))),
                },
                table => {
                    let known = [TABLE, TOML.root];
                    problems.add(&place(table), format!("there is no such table; {}", suggestion(table, &known)));
                }
            }
        }
        layers
    }

    /// The file's name for people, and its text.
    fn open_file(&self, problems: &mut Problems) -> Option<(String, String)> {
        let path = match &self.file {
            File::Text(text) => return Some((String::new(), text.clone())),
            File::At(path) => path.clone(),
            File::Usual => match self.variable(FILE_VARIABLE) {
                Some(path) => path.into(),
                None if Path::new(FILE).exists() => FILE.into(),
                None => return None,
            },
        };
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Some((name, text)),
            Err(error) => {
                problems.add(&name, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn read_environment(&self, settings: &mut Settings, problems: &mut Problems) {
        for (at, setting) in Setting::all().iter().enumerate() {
            let foreign = setting.foreign().map(|foreign| (foreign.name.to_owned(), foreign.meaning));
            let own = (setting.variable(), str::to_owned as fn(&str) -> String);
            for (name, meaning) in foreign.into_iter().chain([own]) {
                match self.variable(&name).map(OsString::into_string) {
                    Some(Ok(text)) => {
                        let value = from_text(setting, &meaning(&text));
                        settings.put(at, &value, &name, Origin::Variable(name.clone()), problems);
                    }
                    Some(Err(_)) => problems.add(&name, "is not UTF-8"),
                    None => {}
                }
            }
        }
    }

    fn read_flags(&self, settings: &mut Settings, problems: &mut Problems) {
        for (key, values) in &self.flags {
            let place = format!("--{}", key.replace('_', "-"));
            let Some(at) = position(key) else {
                problems.add(&place, "there is no such setting");
                continue;
            };
            let value = match (Setting::all()[at].shape(), values.as_slice()) {
                (Shape::Many, values) => Value::List(values.iter().cloned().map(Value::Text).collect()),
                (_, [.., last]) => Value::Text(last.clone()),
                (_, []) => Value::Flag(true),
            };
            settings.put(at, &value, &place, Origin::Flag(place.clone()), problems);
        }
    }

    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<OsString> {
        let found = self.environment.iter().rev().find(|(own, _)| own == OsStr::new(name));
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }

    /// What is wrong with variables that look like settings and are none, a sentence each with the nearest that there is.
    /// They are no reason not to start: they may be meant for another version.
    pub fn unknown_variables(&self) -> Vec<String> {
        let own = Setting::all().iter().map(Setting::variable);
        let known: Vec<String> = own.chain([FILE_VARIABLE.to_owned()]).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let names = self.environment.iter().filter_map(|(name, _)| name.to_str());
        let names = names.filter(|name| name.starts_with(VARIABLES) && !known.contains(name));
        let mut names: Vec<_> = names.filter(|name| !KUBERNETES.iter().any(|own| name.starts_with(own))).collect();
        names.sort_unstable();
        names.iter().map(|name| format!("{name}: there is no such setting; {}", suggestion(name, &known))).collect()
    }
}

/// The settings as far as they were read.
struct Settings {
    config: ServerConfig,
    origins: Vec<Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { config: ServerConfig::default(), origins: vec![Origin::Default; Setting::all().len()] }
    }
}

impl Settings {
    fn read_table<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a (String, Value)>,
        file: &str,
        place: impl Fn(&str) -> String,
        problems: &mut Problems,
    ) {
        for (key, value) in entries {
            let place = place(&format!("{TABLE}.{key}"));
            match position(key) {
                Some(at) => self.put(at, value, &place, Origin::File(file.to_owned()), problems),
                None => {
                    let known: Vec<_> = Setting::all().iter().map(Setting::key).collect();
                    problems.add(&place, format!("there is no such setting; {}", suggestion(key, &known)));
                }
            }
        }
    }

    fn put(&mut self, at: usize, value: &Value, place: &str, origin: Origin, problems: &mut Problems) {
        match Setting::all()[at].set(&mut self.config, value) {
            Ok(()) => self.origins[at] = origin,
            Err(what) => problems.add(place, what),
        }
    }
}

fn position(key: &str) -> Option<usize> {
    Setting::all().iter().position(|setting| setting.key() == key)
}

/// What a variable's text says.
fn from_text(setting: &Setting, text: &str) -> Value {
    match setting.shape() {
        Shape::Many => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::List(items.map(|item| Value::Text(item.to_owned())).collect())
        }
        _ => Value::Text(text.to_owned()),
    }
}

impl Resolved {
    /// What everything comes to.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Every setting with what its value comes from.
    pub fn origins(&self) -> impl Iterator<Item = (&'static Setting, &Origin)> {
        Setting::all().iter().zip(&self.origins)
    }

    /// The layers that the environment or the file asks for.
    pub fn layers(&self) -> &LayersConfig {
        &self.layers.layers
    }

    /// Logs which layers were chosen and why, and what of that is likely a mistake.
    pub fn announce_layers(&self) {
        self.layers.announce();
    }

    /// The line that says which layers were chosen and why.
    pub fn layers_line(&self) -> String {
        self.layers.to_string()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was written may be secret; which settings were is not.
        let flags: Vec<_> = self.flags.iter().map(|(key, _)| key).collect();
        f.debug_struct("Sources").field("flags", &flags).finish_non_exhaustive()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) | Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}
