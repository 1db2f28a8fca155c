"""Writes the golden vectors of the protocol, with Python's json and msgpack as the independent second opinion.

Run `pip install msgpack==1.2.4 && python tests/vectors/generate.py` after a change of the protocol, and read the diff:
a vector that changes is a change of the wire. README.md beside this file says who reads the vectors.
"""

import base64
import json
import pathlib

import msgpack

HERE = pathlib.Path(__file__).parent


class Bytes(bytes):
    """Marks a byte string, which JSON carries as {"$bytes": "<base64>"}."""


def to_json(value):
    def default(value):
        if isinstance(value, dict):
            return {key: default(item) for key, item in value.items()}
        if isinstance(value, list):
            return [default(item) for item in value]
        if isinstance(value, Bytes):
            return {"$bytes": base64.b64encode(value).decode()}
        return value

    return json.dumps(default(value), separators=(",", ":"), ensure_ascii=False)


def both(name, value, **more):
    return {"name": name, **more, "json": to_json(value), "msgpack": msgpack.packb(value).hex()}


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


MESSAGES = [
    both("empty", {}),
    both("chat message", {"type": "chat.message", "text": "héllo ☃", "n": 1}),
    both("text that JSON escapes", {"text": "quote \" backslash \\ newline \n tab \t bell \u0007 nul \u0000 del \u007f"}),
    both("text beyond the basic plane", {"text": "𝄞 😀"}),
    both("integers at each width", {"n": [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**64 - 1]}),
    both("negative integers at each width", {"n": [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]}),
    both("floats", {"n": [0.5, -1.25, 1.0, 1e-07, 1.5e300]}),
    both("nothing, true, false", {"a": None, "b": True, "c": False}),
    both("bytes", {"empty": Bytes(b""), "one": Bytes(b"\xff"), "two": Bytes(b"\xff\x00"), "many": Bytes(bytes(range(256)))}),
    both("bytes in lists and maps", {"a": [Bytes(b"abc"), {"b": Bytes(b"abcd")}]}),
    both("nested", {"a": {"b": [[], {}, [{"c": []}]]}, "d": []}),
    both("long list", {"a": list(range(20))}),
    both("long map", {f"key{i}": i for i in range(20)}),
    both("strings at each length form", {"a": "x" * 31, "b": "x" * 32, "c": "x" * 255, "d": "x" * 256}),
    both("empty key", {"": 1}),
    both("deepest", nested(99)),
]

MESSAGE = {"type": "chat.message", "text": "hi"}
CHANNEL = "gateway.0123456789abcdef0123456789abcdef!0123456789abcdef0123456789abcdef"

FRAMES = [
    both("connect", {"op": "connect", "id": 1}, sender="client"),
    both("connect with everything", {"op": "connect", "id": 1, "token": "t.t.t", "client": "web/1.0"}, sender="client"),
    both("group_add", {"op": "group_add", "id": 2, "group": "chat.lobby"}, sender="client"),
    both("group_add from a position", {"op": "group_add", "id": 2, "group": "chat.lobby", "recover": {"epoch": "e1", "offset": 41}}, sender="client"),
    both("group_discard", {"op": "group_discard", "id": 3, "group": "chat.lobby"}, sender="client"),
    both("group_send", {"op": "group_send", "id": 4, "group": "chat.lobby", "message": MESSAGE}, sender="client"),
    both("group_send without an answer", {"op": "group_send", "group": "chat.lobby", "message": MESSAGE}, sender="client"),
    both("send", {"op": "send", "id": 5, "channel": CHANNEL, "message": {"type": "a", "data": Bytes(b"\x01\x02")}}, sender="client"),
    both("send without an answer", {"op": "send", "channel": "thumbnails-generate", "message": {}}, sender="client"),
    both("refresh", {"op": "refresh", "id": 9007199254740991, "token": "t"}, sender="client"),
    both("pong", {"op": "pong"}, sender="client"),
    both("welcome", {"op": "welcome", "id": 1, "channel": CHANNEL, "ping": 25, "pong": 8, "limits": {"frame": 65536, "groups": 128}, "version": "0.1.0"}, sender="gateway"),
    both("welcome with everything", {"op": "welcome", "id": 1, "channel": CHANNEL, "user": "ada", "ping": 0.25, "pong": 0.125, "expires": 3600, "limits": {"frame": 1024, "groups": 1}, "version": "0.1.0"}, sender="gateway"),
    both("ok", {"op": "ok", "id": 4}, sender="gateway"),
    both("ok of group_add", {"op": "ok", "id": 2, "group": "chat.lobby"}, sender="gateway"),
    both("ok of group_add with history", {"op": "ok", "id": 2, "group": "chat.lobby", "epoch": "e1", "offset": 43, "recovered": True, "messages": [{"message": MESSAGE, "offset": 42}, {"message": {}, "offset": 43}]}, sender="gateway"),
    both("ok of refresh", {"op": "ok", "id": 6, "expires": 3600.5}, sender="gateway"),
    both("error", {"op": "error", "id": 4, "code": 103, "name": "permission_denied", "reason": "no", "temporary": False}, sender="gateway"),
    both("error with a wait", {"op": "error", "id": 4, "code": 110, "name": "too_many_requests", "reason": "slow down", "temporary": True, "retry_after": 1500}, sender="gateway"),
    both("error without a request", {"op": "error", "code": 104, "name": "unknown_op", "reason": "there is no op \"x\"", "temporary": False}, sender="gateway"),
    both("message of a group", {"op": "message", "group": "chat.lobby", "message": MESSAGE}, sender="gateway"),
    both("message of a group with history", {"op": "message", "group": "chat.lobby", "message": MESSAGE, "offset": 42}, sender="gateway"),
    both("message of the own channel", {"op": "message", "channel": CHANNEL, "message": {"bytes": Bytes(b"abc")}}, sender="gateway"),
    both("group_discarded", {"op": "group_discarded", "group": "chat.lobby", "code": 2500, "reason": "insufficient state"}, sender="gateway"),
    both("ping", {"op": "ping"}, sender="gateway"),
]


def text(name, content, outcome, **more):
    return {"name": name, "encoding": "json", "text": content, "outcome": outcome, **more}


def packed(name, content, outcome, **more):
    data = content if isinstance(content, bytes) else msgpack.packb(content)
    return {"name": name, "encoding": "msgpack", "hex": data.hex(), "outcome": outcome, **more}


# What a gateway makes of a bad frame from a client: `malformed` closes with 4500, a number is the error code.
INVALID = [
    text("nothing", "", "malformed"),
    text("not JSON", "hello", "malformed"),
    text("a list", "[]", "malformed"),
    text("no op", '{"id":1}', "malformed"),
    text("op that is not text", '{"op":1}', "malformed"),
    text("cut short", '{"op":"pong"', "malformed"),
    text("trailing bytes", '{"op":"pong"} x', "malformed"),
    text("trailing comma", '{"op":"pong",}', "malformed"),
    text("single quotes", "{'op':'pong'}", "malformed"),
    text("leading zero", '{"op":"pong","x":01}', "malformed"),
    text("plus sign", '{"op":"pong","x":+1}', "malformed"),
    text("bare point", '{"op":"pong","x":1.}', "malformed"),
    text("NaN", '{"op":"pong","x":NaN}', "malformed"),
    text("bad escape", '{"op":"pong","x":"\\x"}', "malformed"),
    text("short unicode escape", '{"op":"pong","x":"\\u12"}', "malformed"),
    text("raw control character", '{"op":"pong","x":"\u0001"}', "malformed"),
    text("nested too deep", '{"op":"pong","x":' + "[" * 200 + "]" * 200 + "}", "malformed"),
    text("unknown op", '{"op":"fly","id":7}', 104, id=7),
    text("unknown op without an id", '{"op":"fly"}', 104),
    text("id missing", '{"op":"connect"}', 106),
    text("id zero", '{"op":"connect","id":0}', 106),
    text("id negative", '{"op":"connect","id":-1}', 106),
    text("id with a fraction", '{"op":"connect","id":1.5}', 106),
    text("id as text", '{"op":"connect","id":"1"}', 106),
    text("id beyond 64 bits", '{"op":"connect","id":18446744073709551616}', 106),
    text("group missing", '{"op":"group_add","id":1}', 106, id=1),
    text("group that is not text", '{"op":"group_add","id":1,"group":5}', 106, id=1),
    text("message missing", '{"op":"group_send","id":1,"group":"g"}', 106, id=1),
    text("message that is a list", '{"op":"group_send","id":1,"group":"g","message":[]}', 106, id=1),
    text("message that is text", '{"op":"group_send","id":1,"group":"g","message":"hi"}', 106, id=1),
    text("token that is not text", '{"op":"connect","id":1,"token":5}', 106, id=1),
    packed("nothing", b"", "malformed"),
    packed("a list", [], "malformed"),
    packed("an integer", 1, "malformed"),
    packed("cut short", msgpack.packb({"op": "pong"})[:-1], "malformed"),
    packed("trailing bytes", msgpack.packb({"op": "pong"}) + b"\xc0", "malformed"),
    packed("integer key", {"op": "pong", 1: 2}, "malformed"),
    packed("bytes as key", {"op": "pong", b"x": 2}, "malformed"),
    packed("extension type", {"op": "pong", "x": msgpack.ExtType(5, b"x")}, "malformed"),
    packed("unused byte", b"\x82\xa2op\xa4pong\xa1x\xc1", "malformed"),
    packed("text that is not UTF-8", b"\x82\xa2op\xa4pong\xa1x\xa2\xff\xfe", "malformed"),
    packed("a map that claims four billion entries", b"\xdf\xff\xff\xff\xff", "malformed"),
    packed("a list that claims four billion entries", b"\x82\xa2op\xa4pong\xa1x\xdd\xff\xff\xff\xff", "malformed"),
    packed("a string that claims four gigabytes", b"\x82\xa2op\xa4pong\xa1x\xdb\xff\xff\xff\xffab", "malformed"),
    packed("op as bytes", b"\x81\xa2op\xc4\x04pong", "malformed"),
    packed("unknown op", {"op": "fly", "id": 7}, 104, id=7),
    packed("id negative", {"op": "connect", "id": -1}, 106),
    packed("message that is a list", {"op": "send", "id": 1, "channel": "c", "message": []}, 106, id=1),
]

# Other spellings of frames that readers must accept: they decode to the same frame as `same_as` in frames.json.
LENIENT = [
    text("white space", ' {\n\t"op" : "pong" \r}', None, same_as="pong"),
    text("unknown fields", '{"op":"pong","later":{"x":[1,2,{"y":null}]}}', None, same_as="pong"),
    text("escaped key and value", '{"\\u006fp":"\\u0070ong"}', None, same_as="pong"),
    text("other order", '{"group":"chat.lobby","id":2,"op":"group_add"}', None, same_as="group_add"),
    text("null for absent", '{"op":"connect","id":1,"token":null}', None, same_as="connect"),
    text("the last of two equal keys counts", '{"op":"ping","op":"pong"}', None, same_as="pong"),
    packed("wide map header", b"\xde\x00\x01\xa2op\xa4pong", None, same_as="pong"),
    packed("wide integer", b"\x82\xa2op\xa7connect\xa2id\xcf\x00\x00\x00\x00\x00\x00\x00\x01", None, same_as="connect"),
    packed("wide string header", b"\x81\xd9\x02op\xdb\x00\x00\x00\x04pong", None, same_as="pong"),
]

LONGEST, TOO_LONG = "a" * 99, "a" * 100
NAMES = {
    "channel": {
        "valid": [".", "-", "_", "a", "a.b-c_D9", "a!", "a!b", "a!_-.", CHANNEL, LONGEST],
        "invalid": ["", "!", "!a", "a!b!c", "a!!", "a b", "a/b", "a:b", "a$b", "é", "日本", "²", "٣", "a!é", "a\n", " a", "a\u0000", TOO_LONG],
    },
    "group": {
        "valid": [".", "-", "_", "a", "a.b-c_D9", "chat.lobby", LONGEST],
        "invalid": ["", "!", "a!", "a!b", "a b", "a/b", "a:b", "a$b", "é", "日本", "٣", "a\n", TOO_LONG],
    },
}

CODES = {
    "errors": [
        {"code": code, "name": name, "action": "retry" if code in (100, 108, 110, 113) else "terminal"}
        for code, name in enumerate(
            "internal unauthorized invalid_name permission_denied unknown_op limit_exceeded bad_request token_expired "
            "channel_full message_too_large too_many_requests unrecoverable_position reserved_type not_available".split(),
            100,
        )
    ],
    "groups": [
        {"code": code, "name": name, "action": "terminal" if code < 2500 else "resubscribe"}
        for code, name in [(2000, "by_server"), (2001, "permission_withdrawn"), (2500, "insufficient_state"), (2501, "expired"), (2502, "layer_reconnected")]
    ],
    "closes": [
        {"code": code, "name": name, "action": "terminal" if 4500 <= code <= 4999 else "retry"}
        for code, name in [
            (1000, "normal"), (1002, "protocol_error"), (1007, "invalid_payload"),
            (4000, "shutdown"), (4001, "internal"), (4002, "token_expired"), (4003, "slow_consumer"), (4004, "no_pong"),
            (4005, "too_many_requests"), (4006, "insufficient_state"), (4007, "forced_reconnect"), (4008, "too_old"),
            (4500, "bad_frame"), (4501, "no_connect"), (4502, "invalid_token"), (4503, "permission_denied"),
            (4504, "connection_limit"), (4505, "by_server"), (4506, "unsupported_protocol"), (4507, "frame_too_large"),
        ]
    ],
    "unknown": [
        {"code": 1001, "action": "retry"}, {"code": 1006, "action": "retry"}, {"code": 1011, "action": "retry"},
        {"code": 2499, "action": "terminal"}, {"code": 2999, "action": "resubscribe"}, {"code": 3000, "action": "retry"},
        {"code": 4499, "action": "retry"}, {"code": 4999, "action": "terminal"},
    ],
}


def write(name, content):
    with open(HERE / name, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=True)
        file.write("\n")


write("messages.json", MESSAGES)
write("frames.json", FRAMES)
write("invalid.json", INVALID)
write("lenient.json", [{key: value for key, value in item.items() if key != "outcome"} for item in LENIENT])
write("names.json", NAMES)
write("codes.json", CODES)
