//! The gateway under attack, over real sockets. Each test is an attack: the answer that it gets, to the code; that it is
//! counted; that whoever is connected beside it is served meanwhile; and that nothing of it is left behind.
//!
//! | attack | answer | counter | where |
//! |---|---|---|---|
//! | says nothing, or an HTTP head or TLS hello that does not end | hung up after 10 s | | `slow` |
//! | a body that does not end | 408 after 10 s | `rejections` | `slow` |
//! | a WebSocket that does not say `connect`, or byte by byte | 4501 | `closes` | `slow` |
//! | half open: silent, and its end never comes | 4004, cut | `closes` | `slow` |
//! | asks for much over HTTP and reads nothing | hung up | | `slow` |
//! | reads nothing of what its groups get | 4003 | `closes`, `dropped_slow` | `slow` |
//! | head of a request above 16 KiB, above 100 lines | 431 | | `http` |
//! | lengths that contradict each other, chunks without end | 400, 413 | | `http` |
//! | names out of paths | 400, 404 | `rejections` | `http` |
//! | frames that break RFC 6455, UTF-8 or their length | 1002, 1007, 4507 | `closes` | `frames` |
//! | a message in endless fragments | 4507 | `closes` | `frames` |
//! | bytes behind the end of a connection, without end | cut after `close_timeout` | | `frames` |
//! | pings or pongs without end | 4005 | `closes` | `frames` |
//! | compressed data that inflates without end, or to nothing | 4507, 1007 | `closes` | `frames` |
//! | nesting, lengths and keys that are lies, in JSON and MessagePack | 4500, 106 | `closes`, `rejections` | `messages` |
//! | names and types of the server's, `sender` of another | 102, 103, 112, rewritten | `rejections` | `messages` |
//! | thousands of joins and leaves | 105, 110, 4005 | `rejections`, `closes` | `messages` |
//! | 10,000 connections from one address | 429, hung up | `refused` | `crowd` |
//! | pages of other origins | 403 | `refused` | `gateway::limits` |
//! | requests faster than allowed; too many of a user | 110, 4005; 4504 | `rejections`, `closes` | `gateway::limits` |
//! | tokens: `none`, another kind of key, expired, for others | 4502, 4002 | `token_failures` | `keys` |
//! | guessing API keys | 401, then 429 | `keys_wrong`, `keys_held_up` | `keys` |
//! | types that name what a Django consumer inherits or keeps to itself | 112 | `rejections` | `django` |
#![cfg(not(target_family = "wasm"))]

mod support;

mod attack {
    mod arena;
    mod crowd;
    mod django;
    mod frames;
    mod http;
    mod keys;
    mod messages;
    mod slow;
}
