//! No secret is in what people and logs get to see.

use super::super::Host;
use super::refused;
use crate::layer::redis::RedisConfig;

/// Stands in every place of these tests where a password may end up.
const SECRET: &str = "hunter2";

#[test]
fn a_host_and_its_settings_hide_it() {
    let hosts = [
        Host::url("redis://:hunter2@cache").unwrap(),
        Host::url("redis://hunter2@cache").unwrap(),
        Host::url("redis://cache?password=hunter2").unwrap(),
        Host::url("unix://:hunter2@/run/redis.sock").unwrap(),
        Host::url("redis-cluster://:hunter2@a,b").unwrap(),
        Host::url("redis-sentinel://:hunter2@a,b/m").unwrap(),
        Host::sentinel([("a", 1)], "m").with_sentinel_login(None, SECRET),
        Host::tcp("cache", 1).with_options([("password", SECRET)]).unwrap(),
    ];
    for host in &hosts {
        assert!(!format!("{host} {host:?} {host:#?}").contains(SECRET), "{host}");
    }
    let config = RedisConfig::new(hosts).with_symmetric_encryption_keys([SECRET]);
    assert!(!format!("{config:?} {config:#?}").contains(SECRET));
}

#[test]
fn an_error_about_a_url_hides_it_wherever_it_has_slipped_to() {
    for url in [
        "hunter2",
        "redis:/:hunter2@cache",
        "redis//:hunter2@cache",
        "http://:hunter2@cache",
        "hunter2://cache",
        "redis://:hunter2",
        "redis://:hunter2@cache:port",
        "redis://:hunter2@cache/one",
        "redis://:hunter2@cache?dbb=1",
        "redis://:hunter2@[::1",
        "redis://me:hunter2%FF@cache",
        "redis://hunter2%FF@cache",
        "redis://:hunter2/half@cache",
        "redis://:half/hunter2@cache",
        "redis://:half?hunter2@cache",
        "redis://:1?hunter2@cache",
        "redis://:1?hunter2=1@cache",
        "redis://:1/hunter2@cache",
        "redis://:half#hunter2@cache",
        "redis://:1#hunter2@cache",
        "redis://cache/hunter2",
        "redis://cache?db=hunter2",
        "rediss://cache?ssl_cert_reqs=hunter2",
        "rediss://cache?ssl_check_hostname=hunter2",
        "redis://cache?password=hunter2&dbb=1",
        "unix://:hunter2@run/redis.sock",
        "unix://hunter2",
        "redis-cluster://:hunter2@a,b:port",
        "redis-cluster://:hunter2@a/1",
        "redis-sentinel://:hunter2@a,b",
    ] {
        let text = refused(url);
        assert!(!text.contains(SECRET), "{url}: {text}");
        let error = Host::url(url).unwrap_err();
        assert!(!format!("{error:?} {error:#?}").contains(SECRET), "{url}: {error:?}");
    }
}
