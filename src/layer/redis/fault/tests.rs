//! What servers say, alone and as one of several answers, and what it means for whoever asked.

use redis::{RedisError, Value, parse_redis_value};

use super::*;

fn said(text: &str) -> Error {
    let Ok(Value::ServerError(said)) = parse_redis_value(format!("-{text}\r\n").as_bytes()) else {
        panic!("{text} is an error")
    };
    error("a:1", RedisError::from(said))
}

#[test]
fn errors_say_whether_anything_was_done() {
    let cases = [
        ("LOADING Redis is loading the dataset in memory", ErrorKind::Unavailable, "not ready, nothing was done"),
        ("MASTERDOWN Link with MASTER is down", ErrorKind::Unavailable, "not ready, nothing was done"),
        ("READONLY You can't write against a read only replica.", ErrorKind::Unavailable, "name its master"),
        ("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::Unavailable, "out of memory"),
        (
            "ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed when used memory",
            ErrorKind::Unavailable,
            "out of memory",
        ),
        ("NOPERM this user has no permissions", ErrorKind::Config, "does not let this user"),
        ("WRONGTYPE Operation against a key", ErrorKind::Io, "answered with an error"),
    ];
    for (text, kind, part) in cases {
        let error = said(text);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
