//! What is read again while the gateway serves, when the process is told to (SIGHUP): certificates and keys.
//!
//! The settings themselves are read once. What cannot be read again stays as it was, and the log says why.

use std::convert::Infallible;

use channel_layers::Result;

use crate::failure::Failure;
use crate::signal::Hangups;

/// Things that can be read again, under names for the log.
#[derive(Default)]
pub(crate) struct Reloads(Vec<(&'static str, Reload)>);

type Reload = Box<dyn Fn() -> Result<()> + Send>;

impl Reloads {
    pub(crate) fn add(&mut self, name: &'static str, reload: impl Fn() -> Result<()> + Send + 'static) {
        self.0.push((name, Box::new(reload)));
    }

    /// Reads everything again each time that the process is told to. Takes effect at once; runs until it is dropped.
    pub(crate) fn on_hangup(self) -> Result<impl Future<Output = Infallible> + Send, Failure> {
        let mut hangups = Hangups::new()?;
        Ok(async move {
            loop {
                hangups.next().await;
                self.run();
            }
        })
    }

    fn run(&self) {
        if self.0.is_empty() {
            tracing::info!("there is nothing to read again: certificates and keys are, and none is set");
        }
        for (name, reload) in &self.0 {
            match reload() {
                Ok(()) => tracing::info!("read again: {name}"),
                Err(error) => tracing::error!(%error, "could not be read again, and stays as it was: {name}"),
            }
        }
    }
}
