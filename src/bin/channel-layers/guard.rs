//! Who may do what at this gateway, and how they know that it is the gateway: authorizer, keys and certificate that the settings
//! ask for, and how they are read again.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use channel_layers::config::ServerConfig;
use channel_layers::gateway::auth::callback::CallbackAuthorizer;
use channel_layers::gateway::auth::token::TokenAuthorizer;
use channel_layers::gateway::{ApiKeys, Gateway, GatewayConfig, Tls};
use channel_layers::layer::Layer;
use channel_layers::layer::redis::Secret;
use channel_layers::{Error, ErrorKind, Result};

use crate::failure::Failure;
use crate::reload::Reloads;

/// The gateway, with whoever decides about its clients.
pub(crate) fn gateway(layer: Layer, config: &ServerConfig, reloads: &mut Reloads) -> Result<Gateway, Failure> {
    let wrong = |e: Error| Failure::usage(e.to_string());
    let settings = guarded(config, reloads).map_err(wrong)?;
    if config.connect_url.is_some() {
        let callback = CallbackAuthorizer::new(config.callback.clone()).map_err(wrong)?;
        return Ok(Gateway::with_authorizer(layer, settings, callback));
    }
    if config.tokens.keys.is_empty() {
        return Ok(Gateway::new(layer, settings));
    }
    let tokens = TokenAuthorizer::new(config.tokens.clone()).map_err(wrong)?;
    let handle = tokens.clone();
    reloads.add("the keys of tokens", move || handle.reload());
    Ok(Gateway::with_authorizer(layer, settings, tokens))
}

/// What is wrong with the files that the settings name, and with letting in whom they let in.
pub(crate) fn check(config: &ServerConfig) -> Vec<String> {
    let mut nothing = Reloads::default();
    let tokens = (!config.tokens.keys.is_empty()).then(|| TokenAuthorizer::new(config.tokens.clone()).err()).flatten();
    let found = [guarded(config, &mut nothing).err(), tokens, tls(config, &mut nothing).err()];
    let mut problems: Vec<String> = found.into_iter().flatten().map(|e| e.to_string()).collect();
    let anonymous = config.tokens.keys.is_empty() && config.connect_url.is_none() && !config.gateway.allow_anonymous;
    let open = config.listen.parse::<SocketAddr>().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    if anonymous && open {
        problems.push(format!(
            "{} can be reached by other machines, and nobody says who clients are: set up tokens or connect_url, listen on \
             127.0.0.1, or set allow_anonymous",
            config.listen
        ));
    }
    problems
}

/// The certificate, where one is named.
pub(crate) fn tls(config: &ServerConfig, reloads: &mut Reloads) -> Result<Option<Tls>> {
    let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
    let tls = Tls::from_pem_files(certificate, key)?;
    let handle = tls.clone();
    reloads.add("the TLS certificate", move || handle.reload());
    Ok(Some(tls))
}

/// The gateway's settings with the keys of backends and administrators.
fn guarded(config: &ServerConfig, reloads: &mut Reloads) -> Result<GatewayConfig> {
    let api = keys("API keys", &config.api_keys, config.api_keys_file.as_deref(), reloads)?;
    let admin = keys("admin keys", &config.admin_keys, config.admin_keys_file.as_deref(), reloads)?;
    Ok(config.gateway.clone().with_api_keys(api).with_admin_keys(admin))
}

/// Keys from the settings and from a file, which is read again.
fn keys(name: &'static str, given: &[Secret], file: Option<&Path>, reloads: &mut Reloads) -> Result<ApiKeys> {
    let named = move |e: Error| Error::new(e.kind(), format!("{name}: {e}"));
    let own: Vec<String> = given.iter().map(|key| key.reveal().to_owned()).collect();
    let Some(file) = file.map(Path::to_owned) else { return ApiKeys::parse(own).map_err(named) };
    let all = move || Ok::<_, Error>([own.clone(), lines(&file)?].concat());
    let keys = ApiKeys::parse(all()?).map_err(named)?;
    let handle = keys.clone();
    reloads.add(name, move || handle.replace(all()?).map_err(named));
    Ok(keys)
}

/// The lines of a file, without empty ones and comments.
fn lines(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).map_err(|e| {
        Error::new(ErrorKind::Config, format!("{}: cannot be read: {e}", file.display())).with_source(e)
    })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
