//! The `hosts` setting: every form in which Django's can name a Redis, and clusters.

use super::problems::Problems;
use super::value::{Map, Value};
use crate::layer::redis::Host;
use crate::nearest::suggestion;

/// Options of redis-py that are no single value. None of them has a meaning here.
const STRUCTURED: [&str; 3] = ["retry", "retry_on_error", "socket_keepalive_options"];

/// Reads the list. An empty one is the default, as in Django.
pub(super) fn hosts(path: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Host>> {
    if let Value::Text(_) = value {
        problems.add(path, r#"must be a list, also of one host: ["redis://HOST:PORT/DATABASE"]"#);
        return None;
    }
    let list = problems.list(path, value)?;
    if list.is_empty() {
        return Some(vec![Host::default()]);
    }
    let list = list.iter().enumerate();
    Some(list.filter_map(|(at, value)| host(&format!("{path}[{at}]"), value, problems)).collect())
}

fn host(path: &str, value: &Value, problems: &mut Problems) -> Option<Host> {
    match value {
        Value::Text(url) => problems.take(path, Host::url(url)),
        Value::List(_) => pair(path, value, problems).map(|(host, port)| Host::tcp(host, port)),
        Value::Map(_) => map(path, problems.map(path, value)?, problems),
        _ => problems.expected(path, "a URL, a pair of host and port, or a map", value),
    }
}

fn pair(path: &str, value: &Value, problems: &mut Problems) -> Option<(String, u16)> {
    match problems.list(path, value)? {
        [host, at] => {
            let host = problems.text(&format!("{path}[0]"), host);
            Some((host?.to_owned(), port(&format!("{path}[1]"), at, problems)?))
        }
        _ => {
            problems.add(path, r#"must be a pair, ["HOST", PORT]; for more than that write a map"#);
            None
        }
    }
}

/// A port, which settings made of environment variables hold as text.
fn port(path: &str, value: &Value, problems: &mut Problems) -> Option<u16> {
    let port = match value {
        Value::Integer(port) => u16::try_from(*port).ok(),
        Value::Text(port) => port.parse().ok(),
        _ => return problems.expected(path, "a port", value),
    };
    let port = port.filter(|port| *port != 0);
    if port.is_none() {
        problems.add(path, "must be a port, a number from 1 to 65535");
    }
    port
}

/// A map of one of four forms, told apart by the first of these keys that it has.
fn map(path: &str, map: &Map, problems: &mut Problems) -> Option<Host> {
    let get = |key: &str| map.iter().find(|(own, _)| own == key).map(|(_, value)| value);
    let at = |key: &str| format!("{path}.{key}");
    if let Some(address) = get("address") {
        let options = options(path, map, &["address"], problems);
        let url = problems.text(&at("address"), address)?;
        return problems.take(path, Host::url_with_options(url, given(&options?)));
    }
    if let Some(nodes) = get("cluster") {
        let options = options(path, map, &["cluster"], problems);
        let urls = nonempty(&at("cluster"), nodes, problems)?.iter().enumerate();
        let urls: Vec<_> =
            urls.map(|(n, url)| problems.text(&format!("{path}.cluster[{n}]"), url)).collect::<Option<_>>()?;
        return problems.take(path, Host::cluster_of_urls(urls, given(&options?)));
    }
    if let Some(sentinels) = get("sentinels") {
        return sentinel(path, map, sentinels, get("master_name"), get("sentinel_kwargs"), problems);
    }
    let options = options(path, map, &["host", "port"], problems);
    let host = get("host").map_or(Some("localhost"), |host| problems.text(&at("host"), host));
    let port = get("port").map_or(Some(6379), |value| port(&at("port"), value, problems));
    problems.take(path, Host::tcp(host?, port?).with_options(given(&options?)))
}

fn sentinel(
    path: &str,
    map: &Map,
    sentinels: &Value,
    master_name: Option<&Value>,
    kwargs: Option<&Value>,
    problems: &mut Problems,
) -> Option<Host> {
    let master = options(path, map, &["sentinels", "master_name", "sentinel_kwargs"], problems);
    let list = nonempty(&format!("{path}.sentinels"), sentinels, problems)?.iter().enumerate();
    let sentinels: Vec<_> =
        list.map(|(n, value)| pair(&format!("{path}.sentinels[{n}]"), value, problems)).collect::<Option<_>>()?;
    let name_path = format!("{path}.master_name");
    let Some(name) = master_name else {
        problems.add(&name_path, "is missing: the name under which the sentinels know the master");
        return None;
    };
    let host = Host::sentinel(sentinels, problems.text(&name_path, name)?);
    let host = problems.take(path, host.with_options(given(&master?)))?;
    let kwargs_path = format!("{path}.sentinel_kwargs");
    match kwargs {
        None | Some(Value::Null) => Some(host),
        Some(kwargs) => {
            let options = options(&kwargs_path, problems.map(&kwargs_path, kwargs)?, &[], problems)?;
            problems.take(&kwargs_path, host.with_sentinel_options(given(&options)))
        }
    }
}

fn nonempty<'a>(path: &str, value: &'a Value, problems: &mut Problems) -> Option<&'a [Value]> {
    let list = problems.list(path, value)?;
    if list.is_empty() {
        problems.add(path, "is empty: at least one address is needed to find the others");
        return None;
    }
    Some(list)
}

/// What a map holds beside the keys that make its form, as text.
fn options(path: &str, map: &Map, form: &[&str], problems: &mut Problems) -> Option<Vec<(String, String)>> {
    let mut options = Vec::new();
    let mut complete = true;
    for (key, value) in map.iter().filter(|(key, _)| !form.contains(&key.as_str())) {
        let text = match value {
            // Python's `None` switches this one off and leaves every other at its default.
            Value::Null if key == "ssl_cert_reqs" => "none".to_owned(),
            Value::Null => continue,
            Value::Flag(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(_) | Value::Map(_) if STRUCTURED.contains(&key.as_str()) => continue,
            Value::List(_) | Value::Map(_) => {
                problems.add(&format!("{path}.{key}"), form_or_kind(key, value));
                complete = false;
                continue;
            }
        };
        options.push((key.clone(), text));
    }
    complete.then_some(options)
}

/// What is wrong with an option that holds a list or a map: most likely a slip in a key that makes a form.
fn form_or_kind(key: &str, value: &Value) -> String {
    let forms = ["sentinels", "sentinel_kwargs", "cluster"];
    format!("no option of a connection is {}; {}", value.kind(), suggestion(key, &forms))
}

fn given(options: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}
