//! `channel-layers config`: what the settings come to, where they come from, and what is wrong with them.

use channel_layers::config::default_toml;
use clap::Subcommand;

use crate::failure::Failure;
use crate::layer::LayerArgs;
use crate::settings::Flags;
use crate::{guard, logging};

/// Look at the settings of `serve`.
///
/// Every setting has one name: `frame_limit` in the table [gateway] of the file, CHANNEL_LAYERS_FRAME_LIMIT in the environment,
/// `--frame-limit` as a flag. A flag counts more than the environment, that more than the file, that more than the default.
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every setting with its value and what that comes from; secrets are not shown. Takes the flags of `serve`.
    Show(Given),
    /// Print a file with every setting, what it is for and its default.
    Default,
    /// Tell of everything that is wrong, a line each, unknown settings and variables too. Takes the flags of `serve`.
    Check(Given),
}

#[derive(Debug, clap::Args)]
struct Given {
    #[command(flatten)]
    flags: Flags,

    #[command(flatten)]
    layer: LayerArgs,
}

impl Config {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Default => print!("{}", default_toml()),
            Command::Show(given) => given.show()?,
            Command::Check(given) => given.check()?,
        }
        Ok(())
    }
}

impl Given {
    fn show(&self) -> Result<(), Failure> {
        let resolved = self.flags.sources().resolve().map_err(|problems| Failure::settings(&problems))?;
        let layer = match self.layer.named()? {
            Some(name) => format!("channel layer: {name}, because the command line says so"),
            None => resolved.layers_line(),
        };
        print!("{}\n# {layer}\n", resolved.to_toml());
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        let sources = self.flags.sources();
        let mut lines: Vec<String> = match sources.resolve() {
            Ok(resolved) => {
                let log = logging::read(&resolved.config().log).err().map(|failure| failure.to_string());
                log.into_iter().chain(guard::check(resolved.config())).collect()
            }
            Err(problems) => problems.iter().map(str::to_owned).collect(),
        };
        lines.extend(sources.unknown_variables());
        lines.extend(self.layer.named().err().map(|failure| failure.to_string()));
        if lines.is_empty() {
            println!("nothing is wrong");
            return Ok(());
        }
        lines.iter().for_each(|line| eprintln!("{line}"));
        let problems = if lines.len() == 1 { "problem" } else { "problems" };
        Err(Failure::usage(format!("{} {problems} in the settings", lines.len())))
    }
}
