//! The description of the HTTP API, held against the gateway: requests are made of it, right ones and wrong ones, and every
//! answer must be one that it describes.

use std::net::SocketAddr;

use channel_layers::Message;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use regex::Regex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::schema::{Description, anything};
use super::{Answer, KEY, get, keyed, request};
use crate::support::Server;

/// One operation of the description.
#[derive(Clone, Debug)]
struct Operation {
    path: String,
    method: String,
    described: Value,
}

/// A request, and whether it keeps to the description.
#[derive(Clone, Debug)]
struct Sent {
    /// The path with its parameters.
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    keeps: bool,
}

async fn described(address: SocketAddr) -> Description {
    let answer = get(address, "/api/openapi.json", &[]).await;
    assert_eq!(answer.status, 200);
    Description(answer.json())
}

fn operations(description: &Description) -> Vec<Operation> {
    let paths = description.0["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |of| (path, of)));
    let operation = |(path, (method, described)): (&String, (&String, &Value))| Operation {
        path: path.clone(),
        method: method.to_uppercase(),
        described: described.clone(),
    };
    methods.map(operation).collect()
}

impl Operation {
    fn parameters<'a>(&'a self, description: &'a Description, place: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = self.described["parameters"].as_array().into_iter().flatten();
        all.map(|part| description.resolve(part)).filter(move |parameter| parameter["in"] == place)
    }

    /// Requests of which most keep to the description, and some do not.
    fn requests(&self, description: &Description) -> BoxedStrategy<Sent> {
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let parameter = |parameter: &Value| {
            let (schema, rules) = (parameter["schema"].clone(), description.clone());
            let right = description.any(&schema);
            let some = prop_oneof![4 => right, 1 => ".{1,20}".prop_map(Value::from)];
            some.prop_map(move |value| {
                (
                    utf8_percent_encode(&text(value.clone()), NON_ALPHANUMERIC).to_string(),
                    rules.check(&schema, &value).is_ok(),
                )
            })
            .boxed()
        };
        let mut sent = Just(Sent {
            path: self.path.clone(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            keeps: true,
        })
        .boxed();
        for of in self.parameters(description, "path") {
            let place = format!("{{{}}}", of["name"].as_str().unwrap());
            sent = (sent, parameter(of))
                .prop_map(move |(sent, (value, keeps))| Sent {
                    path: sent.path.replace(&place, &value),
                    keeps: sent.keeps && keeps,
                    ..sent
                })
                .boxed();
        }
        for of in self.parameters(description, "query") {
            let name = of["name"].as_str().unwrap().to_owned();
            sent = (sent, prop::option::of(parameter(of)))
                .prop_map(move |(sent, value)| match value {
                    None => sent,
                    Some((value, keeps)) => {
                        Sent { query: format!("{}&{name}={value}", sent.query), keeps: sent.keeps && keeps, ..sent }
                    }
                })
                .boxed();
        }
        let accept = prop::option::of(prop_oneof![Just("application/json"), Just("application/msgpack"), Just("*/*")]);
        let sent = (sent, accept).prop_map(|(mut sent, accept)| {
            sent.headers.extend(accept.map(|accept| ("Accept", accept.to_owned())));
            sent
        });
        match self.described.pointer("/requestBody/content/application~1json/schema") {
            None => sent.boxed(),
            Some(schema) => (sent, self.body(description, schema))
                .prop_map(|(mut sent, body)| {
                    let (kind, bytes, keeps) = body;
                    sent.headers.push(("Content-Type", kind.to_owned()));
                    Sent { body: bytes, keeps: sent.keeps && keeps, ..sent }
                })
                .boxed(),
        }
    }

    /// Bodies with their content types, and whether they keep to the description.
    fn body(&self, description: &Description, schema: &Value) -> BoxedStrategy<(&'static str, Vec<u8>, bool)> {
        let (rules, schema) = (description.clone(), schema.clone());
        let value = prop_oneof![4 => description.any(&schema), 2 => anything(), 2 => spoiled(description.any(&schema))];
        let kind =
            prop_oneof![8 => Just("application/json"), 4 => Just("application/msgpack"), 1 => Just("text/plain")];
        let whole = (value, kind).prop_map(move |(value, kind)| {
            let json = value.to_string().into_bytes();
            let packed = Message::from_json(json.clone()).map(|message| message.msgpack().to_vec());
            let keeps = kind != "text/plain" && rules.check(&schema, &value).is_ok();
            match (kind, packed) {
                ("application/msgpack", Ok(packed)) => (kind, packed, keeps),
                // Only maps can be rewritten: this is no MessagePack then, and is refused as it should be.
                ("application/msgpack", Err(_)) => (kind, json, false),
                _ => (kind, json, keeps),
            }
        });
        let noise = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| ("application/msgpack", bytes, false));
        prop_oneof![12 => whole, 1 => noise].boxed()
    }

    /// What is wrong with an answer by the description.
    fn judge(&self, description: &Description, answer: &Answer) -> Result<(), String> {
        let responses = &self.described["responses"];
        let Some(response) = responses.get(answer.status.to_string()) else {
            return Err(format!("the status {} is not described", answer.status));
        };
        let response = description.resolve(response);
        for (name, of) in response["headers"].as_object().into_iter().flatten() {
            let value = answer.header(name).ok_or_else(|| format!("there is no {name}"))?;
            description.check(&of["schema"], &serde_json::from_str(value).map_err(|e| e.to_string())?)?;
        }
        let (kind, of) = response["content"].as_object().unwrap().iter().next().unwrap();
        let sent = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
        let value = match (kind.as_str(), sent) {
            ("application/json", "application/msgpack") => answer.msgpack(),
            (described, sent) if described != sent => return Err(format!("{sent} is not described")),
            ("application/json", _) => answer.json(),
            _ => answer.text().into(),
        };
        description.check(&of["schema"], &value)
    }
}

/// A value with something in it replaced.
fn spoiled(value: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    (value, any::<prop::sample::Index>(), anything()).prop_map(|(mut value, at, other)| {
        let keys: Vec<_> = value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        if !keys.is_empty() {
            value[at.get(&keys)] = other;
        }
        value
    })
}

/// Refusals of what keeps to the description: reserved types, full channels, orders that mean nobody.
fn may_refuse(operation: &Operation, answer: &Answer) -> bool {
    let packed = answer.header("content-type") == Some("application/msgpack");
    let code = || (if packed { answer.msgpack() } else { answer.json() })["code"].as_u64().unwrap();
    let order = ["/api/disconnect", "/api/leave"].contains(&operation.path.as_str());
    match answer.status {
        400 => order && code() == 106,
        403 => code() == 112,
        503 => code() == 108,
        _ => false,
    }
}

#[test]
fn every_answer_is_one_that_is_described() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(keyed()));
    let description = runtime.block_on(described(server.address));
    let operations = operations(&description);
    for operation in operations.iter().filter(|operation| operation.path != "/ws") {
        let cases = if operation.described["requestBody"].is_null() { 20 } else { 150 };
        let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..Default::default() });
        let judged = runner.run(&operation.requests(&description), |sent| {
            let line = format!("{} {}?{}", operation.method, sent.path, sent.query.trim_start_matches('&'));
            let mut headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            headers.push(("X-API-Key", KEY));
            let answer = runtime.block_on(request(server.address, &line, &headers, &sent.body));
            operation.judge(&description, &answer).map_err(|e| TestCaseError::fail(format!("{e}: {answer:?}")))?;
            if sent.keeps {
                prop_assert!(answer.status < 300 || may_refuse(operation, &answer), "refused: {answer:?}");
            } else if operation.path != "/api/batch" {
                prop_assert!(answer.status >= 400, "accepted: {answer:?}");
            }
            Ok(())
        });
        judged.unwrap_or_else(|e| panic!("{} {}: {e}", operation.method, operation.path));
    }
}

#[tokio::test]
async fn answers_to_strangers_and_to_guesses_are_described_too() {
    let server = Server::start(keyed()).await;
    let description = described(server.address).await;
    let operations = operations(&description);
    let wrong = [("X-API-Key", "0000000000000000"), ("Content-Type", "application/json"), ("X-Forwarded-For", "a")];
    for headers in [&wrong[1..], &wrong, &wrong, &wrong] {
        for operation in operations.iter().filter(|operation| operation.path != "/ws") {
            let path = operation.path.replace("{group}", "a").replace("{channel}", "a");
            let answer = request(server.address, &format!("{} {path}", operation.method), headers, "{}").await;
            operation.judge(&description, &answer).unwrap_or_else(|e| panic!("{path}: {e}: {answer:?}"));
        }
    }
    assert!(server.gateway.stats().keys_held_up > 0, "429 was among them");
}

#[tokio::test]
async fn every_route_is_described_and_no_other() {
    let source = include_str!("../../../src/gateway/api/mod.rs");
    let routes = Regex::new(r#"\.route\("([^"]+)", routing::(\w+)\("#).unwrap();
    let mut routed: Vec<_> = routes.captures_iter(source).map(|of| (of[1].to_owned(), of[2].to_uppercase())).collect();
    let server = Server::start(keyed()).await;
    let operations = operations(&described(server.address).await);
    // The WebSocket's handler refuses other methods than GET itself.
    let method = |operation: &Operation| if operation.path == "/ws" { "ANY".into() } else { operation.method.clone() };
    let mut described: Vec<_> =
        operations.iter().map(|operation| (operation.path.clone(), method(operation))).collect();
    routed.sort();
    described.sort();
    assert_eq!(routed, described);
    for operation in operations.iter().filter(|operation| operation.path != "/ws") {
        let path = operation.path.replace("{group}", "a").replace("{channel}", "a");
        assert_eq!(request(server.address, &format!("DELETE {path}"), &[], "").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn its_version_is_the_gateways_and_it_can_be_had_in_msgpack() {
    let server = Server::start(keyed()).await;
    let description = described(server.address).await;
    assert_eq!(description.0["info"]["version"], env!("CARGO_PKG_VERSION"));
    let packed = get(server.address, "/api/openapi.json", &[("Accept", "application/msgpack")]).await;
    assert_eq!(packed.msgpack(), description.0);
}

#[test]
fn the_check_finds_what_does_not_fit() {
    let description = Description(json!({"name": {"type": "string", "pattern": "^a+$"}}));
    let schema = json!({
        "type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {
            "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 2}, "name": {"$ref": "#/name"},
            "list": {"type": "array", "maxItems": 1, "items": {"oneOf": [{"type": "boolean"}, {"const": "x"}]}},
        },
    });
    for right in [json!({"n": 1}), json!({"n": null, "name": "aa", "list": ["x"]}), json!({"n": 2, "list": [true]})] {
        assert_eq!(description.check(&schema, &right), Ok(()));
    }
    for wrong in [
        json!([]),
        json!({}),
        json!({"n": 0}),
        json!({"n": 3}),
        json!({"n": 1.5}),
        json!({"n": 1, "m": 1}),
        json!({"n": 1, "name": "b"}),
        json!({"n": 1, "list": [7]}),
        json!({"n": 1, "list": ["x", "x"]}),
    ] {
        assert!(description.check(&schema, &wrong).is_err(), "{wrong}");
    }
}
