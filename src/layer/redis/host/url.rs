//! Reads the URLs of hosts, as redis-py does, and those with several addresses, which no general reader takes.
//!
//! A password that holds one of `@/?#` unescaped moves its end into another part of the URL. So no error quotes any
//! part, and an `@` behind the addresses is refused before the parts are looked at.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::access::Place;
use super::options::Options;
use super::{PORT, SENTINEL_PORT};
use crate::layer::redis::Secret;
use crate::{Error, ErrorKind, Result};

/// The parts of a URL, still escaped.
struct Parts<'a> {
    user_info: Option<&'a str>,
    addresses: &'a str,
    path: &'a str,
    query: &'a str,
}

/// The place of a URL, and its options: of its own parts before those of its query.
pub(super) fn parse(url: &str) -> Result<(Place, Options)> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| wrong("it has no scheme; write redis://HOST:PORT/DATABASE"))?;
    let parts = split(rest)?;
    let query = pairs(parts.query)?;
    let mut options = Options::new(query.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    if scheme.starts_with("rediss") {
        options.ssl = Some(true);
    }
    log_in(&mut options, parts.user_info)?;
    let place = match scheme {
        "redis" | "rediss" => {
            database(&mut options, parts.path)?;
            Place::Tcp(address(parts.addresses, PORT)?)
        }
        "unix" => Place::Unix(socket(&parts)?),
        "redis-cluster" | "rediss-cluster" => {
            database(&mut options, parts.path)?;
            Place::Cluster(addresses(parts.addresses, PORT)?)
        }
        "redis-sentinel" | "rediss-sentinel" => Place::Sentinel {
            sentinels: addresses(parts.addresses, SENTINEL_PORT)?,
            master_name: master_name(parts.path)?,
        },
        _ => {
            return Err(wrong(
                "its scheme is none of redis, rediss, unix, redis-cluster, rediss-cluster, redis-sentinel, rediss-sentinel",
            ));
        }
    };
    Ok((place, options))
}

fn split(rest: &str) -> Result<Parts<'_>> {
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if behind.contains('@') {
        return Err(wrong(
            "an @ stands behind the address; in a password write @ as %40, / as %2F, ? as %3F, # as %23",
        ));
    }
    if behind.contains('#') {
        return Err(wrong("a # has no meaning there; in a password write it as %23"));
    }
    let (user_info, addresses) = match authority.rsplit_once('@') {
        Some((user_info, addresses)) => (Some(user_info), addresses),
        None => (None, authority),
    };
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    Ok(Parts { user_info, addresses, path, query })
}

/// The login of a URL's own part counts before the query's.
fn log_in(options: &mut Options, user_info: Option<&str>) -> Result<()> {
    let Some(user_info) = user_info else { return Ok(()) };
    let (username, password) = match user_info.split_once(':') {
        Some((username, password)) => (username, Some(password)),
        None => (user_info, None),
    };
    if !username.is_empty() {
        options.username = Some(decode(username, "the user name")?);
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        options.password = Some(Secret::new(decode(password, "the password")?));
    }
    Ok(())
}

/// The database of a path, unless the query names one.
fn database(options: &mut Options, path: &str) -> Result<()> {
    let path = path.trim_matches('/');
    if options.database.is_none() && !path.is_empty() {
        let number =
            path.parse().map_err(|_| wrong("what follows the address is no database, which is a number from 0 on"))?;
        options.database = Some(number);
    }
    Ok(())
}

fn socket(parts: &Parts<'_>) -> Result<PathBuf> {
    if !parts.addresses.is_empty() || parts.path.len() < 2 {
        return Err(wrong("the path of a socket follows three slashes: unix:///run/redis.sock"));
    }
    Ok(decode(parts.path, "the path")?.into())
}

fn master_name(path: &str) -> Result<String> {
    match path.trim_matches('/') {
        "" => Err(wrong("the master's name is missing: redis-sentinel://HOST:PORT,HOST:PORT/MASTER")),
        name => decode(name, "the master's name"),
    }
}

fn addresses(text: &str, port: u16) -> Result<Vec<(String, u16)>> {
    text.split(',').map(|one| address(one, port)).collect()
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`. Without a host it is this machine, as in redis-py.
fn address(text: &str, default_port: u16) -> Result<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or_else(|| wrong("a [ stands without its ]"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(number) => number.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            wrong("the port is no number from 1 to 65535; in a password write / as %2F, ? as %3F, # as %23")
        })?,
        None if port.is_empty() => default_port,
        None => return Err(wrong("only a port can follow a ]")),
    };
    let host = if host.is_empty() { "localhost".to_owned() } else { decode(host, "the host")? };
    Ok((host, port))
}

fn pairs(query: &str) -> Result<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((form_decode(name, "an option's name")?, form_decode(value, "an option's value")?))
        })
        // As in redis-py, an option without a value is not given.
        .filter(|pair| pair.as_ref().map_or(true, |(_, value)| !value.is_empty()))
        .collect()
}

/// In queries, a plus sign is a space.
fn form_decode(text: &str, what: &str) -> Result<String> {
    decode(&text.replace('+', " "), what)
}

fn decode(text: &str, what: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| wrong(&format!("{what} is not UTF-8")))
}

fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("not the URL of a Redis: {why}"))
}
