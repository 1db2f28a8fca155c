//! `channel-layers token explain`: what a token says, and whether a gateway with these keys would let its bearer in.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use channel_layers::gateway::auth::token::{Algorithm, Key, KeySource, TokenAuthorizer, TokenConfig, read_unverified};
use channel_layers::gateway::{Authorizer, Credentials, Grant, Identity};
use serde_json::Value;

use super::{SecretArgs, algorithm, secret_of_environment, time};
use crate::failure::Failure;

/// Say what is in a token, and with a key whether it is accepted and what it grants.
///
/// The token comes from standard input unless it is an argument. The exit code is 1 where it is not accepted.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The token. Left out, it is read from standard input, where other users of the machine do not see it.
    token: Option<String>,

    #[command(flatten)]
    secret: SecretArgs,

    /// A file with a public key in PEM; may be repeated.
    #[arg(long = "public-key", value_name = "FILE")]
    public_keys: Vec<PathBuf>,

    /// A set of keys: a file, or https://… or http://….
    #[arg(long = "jwks", value_name = "FILE|URL")]
    jwks: Vec<String>,

    /// An algorithm that is allowed; may be repeated. All that the keys are for, if left out.
    #[arg(long = "algorithm", value_name = "NAME", value_parser = algorithm)]
    algorithms: Vec<Algorithm>,

    /// Who the gateway is (`aud`); may be repeated.
    #[arg(long = "aud", value_name = "NAME")]
    audience: Vec<String>,

    /// Who is trusted to issue tokens (`iss`); may be repeated.
    #[arg(long = "iss", value_name = "NAME")]
    issuers: Vec<String>,

    /// How far clocks may differ.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    leeway: Duration,
}

impl Explain {
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let token = match self.token.take() {
            Some(token) => token,
            None => piped()?,
        };
        let token = token.trim().strip_prefix("Bearer ").unwrap_or(token.trim()).to_owned();
        let (header, claims) = read_unverified(&token).map_err(|e| Failure::usage(e.to_string()))?;
        println!("header  {header}");
        println!("claims  {claims}");
        for name in ["iat", "nbf", "exp"] {
            if let Some(seconds) = claims[name].as_f64() {
                println!("{name}     {}", when(seconds));
            }
        }
        let config = self.config();
        if config.keys.is_empty() {
            println!("        not checked: name a key with --secret-file, --public-key or --jwks");
            return Ok(());
        }
        let tokens = TokenAuthorizer::new(config).map_err(|e| Failure::usage(e.to_string()))?;
        let mut credentials = Credentials::default();
        credentials.token = Some(token);
        match tokens.connect(&credentials).await {
            Ok(identity) => {
                println!("accepted");
                granted(&identity);
                Ok(())
            }
            Err(denied) => Err(Failure::failed(format!("the token is refused: {denied}"))),
        }
    }

    fn config(&self) -> TokenConfig {
        let jwks = self.jwks.iter().map(|place| match place.contains("://") {
            true => KeySource::JwksUrl(place.clone()),
            false => KeySource::JwksFile(place.into()),
        });
        let files = self.public_keys.iter().cloned().map(KeySource::PemFile);
        let secret = self.secret.secret_file.iter().cloned().map(KeySource::SecretFile);
        let mut config = TokenConfig::default().with_algorithms(self.algorithms.clone()).with_leeway(self.leeway);
        config = secret.chain(files).chain(jwks).fold(config, TokenConfig::with_source);
        config = self.audience.iter().fold(config, |config, name| config.with_audience(name));
        config = self.issuers.iter().fold(config, |config, name| config.with_issuer(name));
        match secret_of_environment().and_then(|secret| Key::secret(secret).ok()) {
            Some(key) if config.keys.is_empty() => config.with_key(key),
            _ => config,
        }
    }
}

fn piped() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        eprintln!("paste the token, then end with ctrl-d");
    }
    let mut token = String::new();
    std::io::stdin()
        .read_to_string(&mut token)
        .map_err(|e| Failure::usage(format!("cannot read the token from standard input: {e}")))?;
    Ok(token)
}

/// A time in words.
fn when(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let Ok(distance) = Duration::try_from_secs_f64((seconds - now).abs()) else { return "beyond all time".into() };
    let (days, rest) = (distance.as_secs() / 86_400, distance.as_secs() % 86_400);
    let (hours, minutes) = (rest / 3600, rest % 3600 / 60);
    let words = match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", distance.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    };
    if seconds > now { format!("in {words}") } else { format!("{words} ago") }
}

/// What the bearer may do, a line each.
fn granted(identity: &Identity) {
    println!("user    {}", identity.user.as_deref().unwrap_or("nobody in particular: messages have no sender"));
    let Some(grants) = &identity.grants else { return };
    let line = |kind: &str, Grant { pattern, can, .. }: &Grant| {
        let can: Vec<&str> = can.iter().map(|right| right.word()).collect();
        println!("{kind} {pattern}: {}", can.join(", "));
    };
    grants.groups.iter().for_each(|grant| line("group  ", grant));
    grants.channels.iter().for_each(|grant| line("channel", grant));
    match grants.types.as_slice() {
        [] => println!("type    none: nothing can be sent"),
        types => types.iter().for_each(|pattern| println!("type    {pattern}")),
    }
    identity.join.iter().for_each(|group| println!("joins   {group}"));
    if let Some(info) = &identity.info {
        println!("info    {}", serde_json::to_value(info).unwrap_or(Value::Null));
    }
}
