//! A gateway that runs: whether it answers, whether it is ready, and whether it lets a client in.

use std::time::Duration;

use channel_layers::client::{Client, ClientConfig, State};
use futures_util::StreamExt;
use http::StatusCode;

use super::report::Report;
use crate::post;

/// How long a client may take to get in.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks the gateway at a URL.
pub(super) async fn check(report: &mut Report, url: &str, config: ClientConfig) {
    let about = format!("gateway {url}");
    match post::get(url, "/healthz").await {
        Ok((status, _)) if status.is_success() => report.fine(&about, "answers"),
        Ok((status, _)) => {
            let finding = format!("answers HTTP {status} to /healthz, as no gateway does");
            return report.problem(&about, finding, "see what listens there, and whether a proxy is between");
        }
        Err(failure) => {
            let text = failure.to_string();
            return report.problem(&about, &*text, remedy(&text));
        }
    }
    match post::get(url, "/readyz").await {
        Ok((StatusCode::OK, _)) => report.fine(&about, "is ready"),
        Ok((StatusCode::NOT_FOUND, _)) => {
            let finding = "does not tell whether it is ready: it knows no /readyz";
            report.warning(&about, finding, "update it; where a proxy is between have it pass /readyz on");
        }
        Ok((status, answer)) => {
            let why = answer["reason"].as_str().unwrap_or("it gave no reason");
            let finding = format!("is not ready (HTTP {status}): {why}");
            report.problem(&about, finding, "run the doctor with that gateway's settings, where it runs");
        }
        Err(failure) => report.problem(&about, failure.to_string(), "look again: it answered a moment ago"),
    }
    enters(report, &about, url, config).await;
}

/// What to do where no answer comes, for this reason.
fn remedy(reason: &str) -> &'static str {
    match reason.contains("certificate") {
        true => "name the file of the authority that signed its certificate in SSL_CERT_FILE; see when that ends",
        false => "start it, or give its address as http://HOST:PORT or https://HOST",
    }
}

async fn enters(report: &mut Report, about: &str, url: &str, config: ClientConfig) {
    let client = match Client::connect(url, config) {
        Ok(client) => client,
        Err(e) => return report.problem(about, e.to_string(), "give its address as http://HOST:PORT or https://HOST"),
    };
    let mut states = client.states();
    let mut refusal = String::from("no answer came");
    let decided = async {
        while let Some(state) = states.next().await {
            match state {
                State::Connected => return true,
                State::Closed { code, reason } => {
                    refusal = format!("{reason} ({code})");
                    return false;
                }
                State::Connecting { code, reason, .. } if code != 0 => refusal = format!("{reason} ({code})"),
                _ => {}
            }
        }
        false
    };
    let entered = tokio::time::timeout(PATIENCE, decided).await.unwrap_or(false);
    client.close().await;
    match entered {
        true => report.fine(about, "lets a client in over a WebSocket"),
        false => {
            let finding = format!("lets no client in over a WebSocket: {refusal}");
            let remedy =
                "where it asks for a token give one in CHANNEL_TOKEN; a proxy in between must pass upgrades on";
            report.problem(about, finding, remedy);
        }
    }
}
