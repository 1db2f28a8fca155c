//! `channel-layers token make`: signs a token.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use channel_layers::GroupName;
use channel_layers::gateway::auth::token::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};

use super::{SECRET, SecretArgs, algorithm, secret_of_environment, time};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  openssl rand -base64 48 > secret
  channel-layers token make --secret-file secret --sub ann --group 'chat.*=join,send' --type 'chat.*' --ttl 12h
  channel-layers token make --key private.pem --kid 2026 --sub thumbnails --channel 'thumbnails-*' --type '*'";

/// Make a token and print it.
///
/// It grants what is named and nothing else: without --type its bearer sends nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Make {
    #[command(flatten)]
    secret: SecretArgs,

    /// A file with a private key in PEM: RSA, P-256, P-384, P-521 or Ed25519.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    key: Option<PathBuf>,

    /// The key's name, which goes into the token's header.
    #[arg(long, value_name = "NAME")]
    kid: Option<String>,

    /// How to sign, where the key leaves a choice: HS256, HS384, HS512, RS256, RS384, RS512.
    #[arg(long, value_name = "NAME", value_parser = algorithm)]
    algorithm: Option<Algorithm>,

    /// The user. Left out, its bearer is nobody in particular.
    #[arg(long, value_name = "USER")]
    sub: Option<String>,

    /// What is allowed on groups, as GLOB=join,send or GLOB=join or GLOB=send; may be repeated.
    #[arg(long = "group", value_name = "GLOB=RIGHTS", value_parser = group)]
    groups: Vec<Value>,

    /// Channels that may be sent to, as a glob; may be repeated.
    #[arg(long = "channel", value_name = "GLOB")]
    channels: Vec<String>,

    /// Types that messages may have, as a glob; may be repeated.
    #[arg(long = "type", value_name = "GLOB")]
    types: Vec<String>,

    /// A group that its bearer is in from the start; may be repeated.
    #[arg(long = "join", value_name = "GROUP")]
    join: Vec<GroupName>,

    /// What others are shown of its bearer, as JSON.
    #[arg(long, value_name = "JSON", value_parser = json)]
    info: Option<Value>,

    /// How long it is good for, such as 90s, 15m or 12h.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    ttl: Duration,

    /// The token's own name, by which a session can be ended.
    #[arg(long, value_name = "ID")]
    jti: Option<String>,

    /// Whom it is for; may be repeated.
    #[arg(long = "aud", value_name = "NAME")]
    audience: Vec<String>,

    /// Who has issued it.
    #[arg(long, value_name = "NAME")]
    iss: Option<String>,
}

impl Make {
    pub(super) fn run(self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let token = self.signing_key()?.sign(&self.claims(now)).map_err(|e| Failure::failed(e.to_string()))?;
        println!("{token}");
        Ok(())
    }

    fn signing_key(&self) -> Result<SigningKey, Failure> {
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
        };
        let key = match (&self.key, &self.secret.secret_file) {
            (Some(path), _) => SigningKey::pem(&read(path)?),
            (None, Some(path)) => SigningKey::secret(read(path)?.trim_end_matches(['\r', '\n'])),
            (None, None) => match secret_of_environment() {
                Some(secret) => SigningKey::secret(secret),
                None => {
                    let text = format!("there is no key to sign with: name --secret-file or --key, or set {SECRET}");
                    return Err(Failure::usage(text));
                }
            },
        };
        let key = key.and_then(|key| match self.algorithm {
            Some(algorithm) => key.with_algorithm(algorithm),
            None => Ok(key),
        });
        let key = key.map_err(|e| Failure::usage(e.to_string()))?;
        Ok(match &self.kid {
            Some(kid) => key.with_id(kid),
            None => key,
        })
    }

    fn claims(&self, now: u64) -> Map<String, Value> {
        let channels = self.channels.iter().map(|glob| json!({"pattern": glob, "can": ["send"]})).collect();
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| {
            let left_out = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !left_out {
                claims.insert(name.into(), value);
            }
        };
        put("sub", json!(self.sub));
        put("iss", json!(self.iss));
        put("aud", json!(self.audience));
        put("jti", json!(self.jti));
        put("iat", json!(now));
        put("exp", json!(now.saturating_add(self.ttl.as_secs())));
        put("groups", Value::Array(self.groups.clone()));
        put("channels", Value::Array(channels));
        put("types", json!(self.types));
        put("join", json!(self.join));
        put("info", json!(self.info));
        claims
    }
}

/// Reads `GLOB=join,send`.
fn group(text: &str) -> Result<Value, String> {
    let wrong = || format!("{text:?} does not say what is allowed: write such as 'chat.*=join,send'");
    let (glob, rights) = text.rsplit_once('=').ok_or_else(wrong)?;
    let rights: Vec<&str> = rights.split(',').map(str::trim).collect();
    match rights.iter().all(|right| ["join", "send"].contains(right)) {
        true => Ok(json!({"pattern": glob, "can": rights})),
        false => Err(wrong()),
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("this is no JSON: {e}"))
}
