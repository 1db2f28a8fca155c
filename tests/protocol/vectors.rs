//! The golden vectors, checked by whichever target compiles this file.

use channel_layers::protocol::{
    Action, ClientFrame, CloseCode, Encoding, ErrorCode, FrameError, GroupCode, ServerFrame, action,
};
use channel_layers::{ChannelName, GroupName, Message};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    #[serde(default)]
    sender: String,
    json: String,
    msgpack: String,
}

impl Vector {
    fn bytes(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Json => self.json.clone().into_bytes(),
            Encoding::Msgpack => unhex(&self.msgpack),
        }
    }
}

fn read<'de, T: Deserialize<'de>>(file: &'de str) -> T {
    serde_json::from_str(file).expect("a vector file is valid JSON of its shape")
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// JSON texts are compared as values: Python and Rust spell some floats differently.
fn assert_same_json(name: &str, ours: &[u8], theirs: &str) {
    let ours: serde_json::Value = serde_json::from_slice(ours).unwrap_or_else(|e| panic!("{name}: not JSON: {e}"));
    let theirs: serde_json::Value = read(theirs);
    assert_eq!(ours, theirs, "{name}");
}

/// Every message reads the same from both encodings, and each is rewritten as the other.
pub(crate) fn messages() {
    let vectors: Vec<Vector> = read(include_str!("../vectors/messages.json"));
    for vector in &vectors {
        let name = &vector.name;
        let json = Message::from_json(vector.json.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let msgpack = Message::from_msgpack(unhex(&vector.msgpack)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(json.to_map(), msgpack.to_map(), "{name}");
        assert_eq!(json.msgpack()[..], unhex(&vector.msgpack)[..], "{name}: JSON to MessagePack");
        assert_same_json(name, msgpack.json(), &vector.json);
        let rebuilt = Message::try_from(json.to_map()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(rebuilt.msgpack()[..], unhex(&vector.msgpack)[..], "{name}: from a tree");
    }
}

/// Every frame reads the same from both encodings, and is written as Python wrote it.
pub(crate) fn frames() {
    let vectors: Vec<Vector> = read(include_str!("../vectors/frames.json"));
    for vector in &vectors {
        let name = &vector.name;
        for encoding in Encoding::ALL {
            let bytes = vector.bytes(encoding);
            let written = match vector.sender.as_str() {
                "client" => decode_client(encoding, &bytes).unwrap_or_else(|e| panic!("{name}: {e}")).encode(encoding),
                _ => decode_server(encoding, &bytes).unwrap_or_else(|| panic!("{name}: no frame")).encode(encoding),
            };
            assert_eq!(written[..], bytes[..], "{name}: {}", String::from_utf8_lossy(&written));
        }
        if vector.sender == "client" {
            let [a, b] = Encoding::ALL.map(|encoding| decode_client(encoding, &vector.bytes(encoding)).unwrap());
            assert_eq!(a, b, "{name}");
        } else {
            let [a, b] = Encoding::ALL.map(|encoding| decode_server(encoding, &vector.bytes(encoding)).unwrap());
            assert_eq!(a, b, "{name}");
        }
    }
}

fn decode_client(encoding: Encoding, bytes: &[u8]) -> Result<ClientFrame, FrameError> {
    ClientFrame::decode(encoding, &bytes.to_vec().into())
}

fn decode_server(encoding: Encoding, bytes: &[u8]) -> Option<ServerFrame> {
    ServerFrame::decode(encoding, &bytes.to_vec().into()).unwrap()
}

#[derive(Deserialize)]
struct Odd {
    name: String,
    encoding: String,
    text: Option<String>,
    hex: Option<String>,
    outcome: Option<serde_json::Value>,
    id: Option<u64>,
    same_as: Option<String>,
}

impl Odd {
    fn decode(&self) -> Result<ClientFrame, FrameError> {
        match self.encoding.as_str() {
            "json" => decode_client(Encoding::Json, self.text.as_ref().unwrap().as_bytes()),
            _ => decode_client(Encoding::Msgpack, &unhex(self.hex.as_ref().unwrap())),
        }
    }
}

/// Every bad frame is refused in the way that the protocol says.
pub(crate) fn invalid() {
    let vectors: Vec<Odd> = read(include_str!("../vectors/invalid.json"));
    for vector in &vectors {
        let name = &vector.name;
        match (vector.decode(), vector.outcome.as_ref().unwrap()) {
            (Err(FrameError::Malformed(_)), serde_json::Value::String(outcome)) => assert_eq!(outcome, "malformed"),
            (Err(FrameError::Request { id, code, .. }), serde_json::Value::Number(outcome)) => {
                assert_eq!(Some(u64::from(code.0)), outcome.as_u64(), "{name}");
                assert_eq!(id, vector.id, "{name}");
            }
            (got, wanted) => panic!("{name}: {got:?}, and {wanted} was expected"),
        }
    }
}

/// Every other spelling reads as the frame that it spells.
pub(crate) fn lenient() {
    let frames: Vec<Vector> = read(include_str!("../vectors/frames.json"));
    let vectors: Vec<Odd> = read(include_str!("../vectors/lenient.json"));
    for vector in &vectors {
        let name = &vector.name;
        let same = frames.iter().find(|frame| Some(&frame.name) == vector.same_as.as_ref()).unwrap();
        let wanted = decode_client(Encoding::Json, same.json.as_bytes()).unwrap();
        assert_eq!(vector.decode().unwrap_or_else(|e| panic!("{name}: {e}")), wanted, "{name}");
    }
}

#[derive(Deserialize)]
struct Names {
    channel: Verdicts,
    group: Verdicts,
}

#[derive(Deserialize)]
struct Verdicts {
    valid: Vec<String>,
    invalid: Vec<String>,
}

/// Every name is judged as the channel layer specification judges it.
pub(crate) fn names() {
    let names: Names = read(include_str!("../vectors/names.json"));
    for name in &names.channel.valid {
        assert_eq!(ChannelName::new(name).unwrap().as_str(), name);
    }
    for name in &names.channel.invalid {
        assert!(ChannelName::new(name).is_err(), "{name:?} is no channel name");
    }
    for name in &names.group.valid {
        assert_eq!(GroupName::new(name).unwrap().as_str(), name);
    }
    for name in &names.group.invalid {
        assert!(GroupName::new(name).is_err(), "{name:?} is no group name");
    }
}

#[derive(Deserialize)]
struct Codes {
    errors: Vec<Code>,
    groups: Vec<Code>,
    closes: Vec<Code>,
    unknown: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: u16,
    name: Option<String>,
    action: String,
}

/// Every code has its name and asks for its action, and no code is missing on either side.
pub(crate) fn codes() {
    let codes: Codes = read(include_str!("../vectors/codes.json"));
    check_codes(&codes.errors, ErrorCode::ALL.iter().map(|code| (code.0, code.name())));
    check_codes(&codes.groups, GroupCode::ALL.iter().map(|code| (code.0, code.name())));
    check_codes(&codes.closes, CloseCode::ALL.iter().map(|code| (code.0, code.name())));
    check_actions(&codes.unknown);
}

fn check_codes<'a>(wanted: &[Code], ours: impl Iterator<Item = (u16, &'a str)>) {
    let wanted_names: Vec<_> = wanted.iter().map(|code| (code.code, code.name.as_deref().unwrap())).collect();
    assert_eq!(ours.collect::<Vec<_>>(), wanted_names);
    check_actions(wanted);
}

fn check_actions(wanted: &[Code]) {
    for Code { code, action: wanted, .. } in wanted {
        let ours = match action(*code) {
            Action::Retry => "retry",
            Action::Terminal => "terminal",
            Action::Resubscribe => "resubscribe",
        };
        assert_eq!(ours, wanted, "code {code}");
    }
}
