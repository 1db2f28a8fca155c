//! Hosts by every form of URL and by their constructors, and that no secret is ever shown.

#[cfg(not(feature = "tls"))]
mod no_tls;
mod secrets;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, ProtocolVersion};

use super::{Host, Target};

/// What a connection goes to, as whom: `user:password@address/database`, with a `+` behind it where it has TLS.
fn shown(info: &ConnectionInfo) -> String {
    let login = info.redis_settings();
    let login = match (login.username(), login.password()) {
        (None, None) => String::new(),
        (user, password) => format!("{}:{}@", user.unwrap_or_default(), password.unwrap_or_default()),
    };
    let tls = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) { "+" } else { "" };
    format!("{login}{}/{}{tls}", info.addr(), info.redis_settings().db())
}

fn all_shown(infos: &[ConnectionInfo]) -> String {
    infos.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// The whole of a host; what a sentinel or a node tells is taken to be `told:1`.
fn whole(host: &Host) -> String {
    match host.target() {
        Target::Server(info) => shown(&info),
        Target::Sentinel { sentinels, master_name, master } => {
            format!("{} says {master_name} is {}", all_shown(&sentinels), shown(&master.at("told", 1)))
        }
        Target::Cluster { seeds, node } => format!("{} says {}", all_shown(&seeds), shown(&node.at("told", 1))),
        Target::Node(node) => shown(&node.info),
    }
}

/// The error about a URL.
fn refused(url: &str) -> String {
    let error = Host::url(url).expect_err(url);
    assert_eq!(error.kind(), crate::ErrorKind::Config, "{url}");
    error.to_string()
}

#[test]
fn a_url_says_where_and_as_whom() {
    for (url, expected) in [
        ("redis://localhost", "localhost:6379/0"),
        ("redis://localhost:6380", "localhost:6380/0"),
        ("redis://localhost/", "localhost:6379/0"),
        ("redis://localhost:6379/3", "localhost:6379/3"),
        ("redis://localhost:6379/3/", "localhost:6379/3"),
        ("redis://", "localhost:6379/0"),
        ("redis://:6380/1", "localhost:6380/1"),
        ("redis://10.1.2.3:6379", "10.1.2.3:6379/0"),
        ("redis://[::1]:6380/2", "::1:6380/2"),
        ("redis://[fe80::1]", "fe80::1:6379/0"),
        ("redis://:secret@cache:6379/1", ":secret@cache:6379/1"),
        ("redis://me:secret@cache:6379/1", "me:secret@cache:6379/1"),
        ("redis://me@cache", "me:@cache:6379/0"),
        ("redis://me:@cache", "me:@cache:6379/0"),
        ("redis://:p%40s%2Fs%3Aw%23%3F@cache", ":p@s/s:w#?@cache:6379/0"),
        ("redis://:p:w@cache", ":p:w@cache:6379/0"),
        ("redis://:p@w@cache", ":p@w@cache:6379/0"),
        ("redis://cache?db=4", "cache:6379/4"),
        ("redis://cache/1?db=4", "cache:6379/4"),
        ("redis://cache?password=a+b%2Bc&username=me", "me:a b+c@cache:6379/0"),
        ("redis://:own@cache?password=other", ":own@cache:6379/0"),
        ("redis://cache?password=", "cache:6379/0"),
        ("redis://cache?socket_timeout=5&health_check_interval=30&decode_responses=True", "cache:6379/0"),
        ("unix:///run/redis.sock", "/run/redis.sock/0"),
        ("unix:///run/redis.sock?db=2", "/run/redis.sock/2"),
        ("unix:///run/my%20redis.sock?db=2&password=secret", ":secret@/run/my redis.sock/2"),
        ("unix://me:secret@/run/redis.sock", "me:secret@/run/redis.sock/0"),
        ("redis-cluster://a:1,b", "a:1/0 b:6379/0 says told:1/0"),
        ("redis-cluster://me:secret@a,[::1]:2", "me:secret@a:6379/0 me:secret@::1:2/0 says me:secret@told:1/0"),
        ("redis-sentinel://a,b:5/mymaster?db=2", "a:26379/0 b:5/0 says mymaster is told:1/2"),
        ("redis-sentinel://:secret@a/my%20master", "a:26379/0 says my master is :secret@told:1/0"),
    ] {
        let host = Host::url(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        assert_eq!(whole(&host), expected, "{url}");
    }
}

#[test]
fn what_is_wrong_with_a_url_is_said() {
    for (url, part) in [
        ("localhost:6379", "has no scheme; write redis://HOST:PORT/DATABASE"),
        ("http://localhost", "none of redis, rediss, unix,"),
        ("redis://cache:port", "the port is no number"),
        ("redis://cache:0", "the port is no number"),
        ("redis://cache:70000", "the port is no number"),
        ("redis://[::1", "a [ stands without its ]"),
        ("redis://[::1]6379", "only a port can follow a ]"),
        ("redis://cache/one", "no database"),
        ("redis://cache/-1", "no database"),
        ("redis://cache?db=one", "option \"db\": must be a number"),
        ("redis://cache?pasword=x", "did you mean \"password\"?"),
        ("redis://cache?ssl_ca_cert=x", "did you mean \"ssl_ca_certs\"?"),
        ("redis://cache?ssl_cert_reqs=none", "the connection has no TLS: write rediss://"),
        ("redis://cache#insecure", "a # has no meaning there"),
        ("redis://:%FF@cache", "the password is not UTF-8"),
        ("rediss://cache?ssl_cert_reqs=some", "must be none, optional or required"),
        ("rediss://cache?ssl_check_hostname=perhaps", "must be true or false"),
        ("rediss://cache?ssl_cert_reqs=none&ssl_check_hostname=true", "cannot be kept where ssl_cert_reqs is none"),
        ("rediss://cache?ssl_keyfile=/k", "set ssl_certfile too"),
        ("rediss://cache?ssl_ca_certs=/c&ssl_ca_data=d", "leave one out"),
        ("rediss://cache?ssl_ca_path=/etc/ssl", "name one file with ssl_ca_certs"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix:///", "three slashes"),
        ("redis-cluster://a,b/1", "a Redis Cluster has only database 0"),
        ("redis-sentinel://a,b", "the master's name is missing"),
    ] {
        let text = refused(url);
        assert!(text.contains(part), "{url}: {text}");
    }
}

#[test]
fn a_host_is_named_without_its_login() {
    for (url, expected) in [
        ("redis://me:secret@cache", "cache:6379"),
        ("redis://[::1]/1", "[::1]:6379/1"),
        ("unix://:secret@/run/redis.sock", "/run/redis.sock"),
        ("unix:///run/redis.sock?db=1", "/run/redis.sock, database 1"),
        ("redis-cluster://:secret@a,b", "the cluster of a:6379, b:6379"),
        ("redis-sentinel://:secret@a,b/m?db=1", "m of the sentinels a:26379, b:26379, database 1"),
    ] {
        let host = Host::url(url).unwrap();
        assert_eq!(host.to_string(), expected);
        assert_eq!(host.name(), expected);
        assert_eq!(format!("{host:?}"), format!("Host({expected})"));
    }
}

#[test]
fn the_constructors_say_the_same_as_the_urls() {
    assert_eq!(whole(&Host::default()), "localhost:6379/0");
    let host = Host::tcp("cache", 1).with_username("me").with_password("secret").with_database(2);
    assert_eq!(whole(&host), "me:secret@cache:1/2");
    assert_eq!(host.name(), "cache:1/2");
    assert_eq!(whole(&Host::unix("/s").with_database(1)), "/s/1");
    assert_eq!(whole(&Host::cluster([("a", 1)]).with_password("x")), ":x@a:1/0 says :x@told:1/0");
    let host = Host::sentinel([("s", 26379)], "m").with_password("x").with_database(1);
    assert_eq!(whole(&host), "s:26379/0 says m is :x@told:1/1");
    let host = host.with_sentinel_login(Some("guard"), "y");
    assert_eq!(whole(&host), "guard:y@s:26379/0 says m is :x@told:1/1");
}

#[test]
fn options_are_those_of_redis_py() {
    let host = Host::tcp("cache", 1).with_options([("db", "2"), ("password", "x"), ("max_connections", "50")]).unwrap();
    assert_eq!(whole(&host), ":x@cache:1/2");
    // What a URL says counts before the options, as in redis-py.
    let host = Host::url_with_options("redis://:own@cache/1", [("password", "x"), ("db", "2"), ("username", "me")]);
    assert_eq!(whole(&host.unwrap()), "me:own@cache:6379/1");
    let host = Host::url_with_options("redis://cache?db=1", [("db", "2")]).unwrap();
    assert_eq!(whole(&host), "cache:6379/1");

    let sentinel = || Host::sentinel([("s", 26379)], "m");
    let host = sentinel().with_sentinel_options([("password", "y"), ("socket_timeout", "0.5")]).unwrap();
    assert_eq!(whole(&host), ":y@s:26379/0 says m is told:1/0");
    let error = sentinel().with_sentinel_options([("db", "1")]).unwrap_err();
    assert!(error.to_string().contains("a sentinel has no databases"), "{error}");
    let error = sentinel().with_options([("sentinel", "1")]).unwrap_err();
    assert!(error.to_string().starts_with("option \"sentinel\": no connection to Redis has it"), "{error}");
}

#[test]
fn every_connection_notices_a_dead_peer_and_speaks_resp3() {
    for url in ["redis://cache", "redis-cluster://cache", "redis-sentinel://s/m"] {
        let infos = match Host::url(url).unwrap().target() {
            Target::Server(info) => vec![info],
            Target::Sentinel { sentinels, master, .. } => [sentinels, vec![master.at("told", 1)]].concat(),
            Target::Cluster { seeds, node } => [seeds, vec![node.at("told", 1)]].concat(),
            Target::Node(node) => vec![node.info],
        };
        for info in infos {
            assert!(info.tcp_settings().nodelay());
            assert!(info.tcp_settings().keepalive().is_some());
            assert_eq!(info.redis_settings().protocol(), ProtocolVersion::RESP3);
            assert_eq!(info.redis_settings().lib_name(), Some("channel-layers"));
            assert_eq!(info.redis_settings().lib_ver(), Some(env!("CARGO_PKG_VERSION")));
            #[cfg(target_os = "linux")]
            assert_eq!(info.tcp_settings().user_timeout(), Some(Duration::from_secs(15)));
        }
    }
}
