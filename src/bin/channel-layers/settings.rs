//! The flags of `serve`, made of the table of settings, and the sources that they are one of.

use std::path::PathBuf;

use channel_layers::config::{Setting, Shape, Sources};
use clap::{Arg, ArgMatches, Command};

/// What the command line says about settings.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    file: Option<PathBuf>,
    given: Vec<(&'static str, Vec<String>)>,
}

impl Flags {
    /// All sources: these flags, the environment, and the file.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::from_env();
        if let Some(file) = &self.file {
            sources.file(file);
        }
        for (key, values) in &self.given {
            sources.flag(*key, values.iter().cloned());
        }
        sources
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings and layers in TOML. Without it, the file that CHANNEL_LAYERS_CONFIG names, or else channel-layers.toml \
                   in the working directory, if there is one");
        Setting::all().iter().map(flag).fold(command.arg(file), Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let also = setting.other_variable().map(|name| format!(" or {name}")).unwrap_or_default();
    let default = match setting.default_value().trim_matches('"') {
        "" | "[]" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{}{default} [env: {}{also}]", setting.help(), setting.variable());
    let flag = Arg::new(setting.key()).long(setting.flag()).help(help).help_heading(setting.heading());
    let flag = flag.value_name(setting.placeholder());
    match setting.shape() {
        Shape::Switch => {
            let flag = flag.num_args(0..=1).require_equals(true).default_missing_value("true");
            flag.value_parser(["true", "false"]).hide_possible_values(true)
        }
        Shape::Many => flag.action(clap::ArgAction::Append),
        _ => flag,
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |setting: &'static Setting| {
            let values = matches.get_many::<String>(setting.key())?;
            Some((setting.key(), values.cloned().collect()))
        };
        let given = Setting::all().iter().filter_map(values).collect();
        Ok(Self { file: matches.get_one("config").cloned(), given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
