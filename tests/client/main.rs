//! The native client against a gateway that the test plays itself, over real sockets on the loopback interface. It
//! speaks PROTOCOL.md frame by frame, so each test says what the other side does and when.
#![cfg(not(target_family = "wasm"))]

mod gateway;

use std::time::Duration;

use channel_layers::client::{Client, ClientConfig, GroupState, State, TokenProvider};
use channel_layers::protocol::{
    ClientFrame, CloseCode, CloseReason, Encoding, ErrorCode, GroupCode, Joined, Recover, ServerFrame, Target,
};
use channel_layers::{ChannelName, ErrorKind, GroupName, Message, message};
use futures_util::{FutureExt, StreamExt};
use gateway::{Gateway, PATIENCE, welcome};
use tokio::time::timeout;

/// The future's output, with a deadline so that a defect shows as a failure and not as a hang.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

fn text(text: &str) -> Message {
    message! { "type": "chat.message", "text": text }
}

#[tokio::test]
async fn it_connects_joins_sends_and_receives_in_either_encoding() {
    for encoding in Encoding::ALL {
        let gateway = Gateway::new().await;
        let client = gateway.client(ClientConfig::default().with_encoding(encoding).with_client("test/1"));
        let mut connection = gateway.accept().await;
        assert_eq!(connection.encoding, encoding);
        let ClientFrame::Connect { id, token, client: name } = connection.frame().await else { panic!() };
        assert_eq!((token, name.as_deref()), (None, Some("test/1")));
        assert_eq!(client.channel(), None);
        connection.send(ServerFrame::Welcome(welcome(id, None))).await;
        soon("ready", client.ready()).await.unwrap();
        assert_eq!(client.state(), State::Connected);
        assert_eq!(client.channel().unwrap().as_str(), "specific.a!b");
        assert_eq!(client.user().as_deref(), Some("ada"));

        let (lobby, recover) = tokio::join!(client.join("lobby"), connection.add("lobby"));
        let lobby = lobby.unwrap();
        assert_eq!(recover, None);
        assert_eq!(lobby.state(), GroupState::Joined { recovered: false });
        let (sent, got) = tokio::join!(lobby.send(text("hello")), connection.group_send());
        sent.unwrap();
        assert_eq!(got, text("hello"));

        connection.message("lobby", text("one"), None).await;
        connection.message("elsewhere", text("not for us"), None).await;
        connection.message("lobby", text("two"), None).await;
        assert_eq!(soon("one", lobby.recv()).await.unwrap(), text("one"));
        assert_eq!(soon("two", lobby.stream().next()).await.unwrap().unwrap(), text("two"));

        let own = Target::Channel(ChannelName::new("specific.a!b").unwrap());
        connection.send(ServerFrame::Message { target: own, message: text("direct"), offset: None }).await;
        assert_eq!(soon("direct", client.recv()).await.unwrap(), text("direct"));

        let (left, ()) = tokio::join!(lobby.leave(), async {
            let ClientFrame::GroupDiscard { id, group } = connection.frame().await else { panic!() };
            assert_eq!(group, "lobby");
            connection.ok(id).await;
        });
        left.unwrap();
        let ((), end) = tokio::join!(soon("close", client.close()), connection.next());
        assert_eq!(end, None);
        assert_eq!(client.ready().await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.recv().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_socket() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let mut connection = gateway.welcome().await;
    let group = client.group("lobby").unwrap();
    connection.add("lobby").await;
    drop(client);
    let (sent, _) = tokio::join!(group.send(text("still here")), connection.group_send());
    sent.unwrap();
    drop(group);
    let ClientFrame::GroupDiscard { .. } = connection.frame().await else { panic!("dropping a group leaves it") };
    assert_eq!(connection.next().await, None);
}

#[tokio::test]
async fn two_handles_of_a_name_share_the_membership() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let mut connection = gateway.welcome().await;
    let (first, second) = (client.group("lobby").unwrap(), client.group("lobby").unwrap());
    connection.add("lobby").await;
    soon("joined", second.joined()).await.unwrap();
    connection.message("lobby", text("both"), None).await;
    assert_eq!(soon("first", first.recv()).await.unwrap(), text("both"));
    assert_eq!(soon("second", second.recv()).await.unwrap(), text("both"));
    soon("leave", first.leave()).await.unwrap();
    connection.message("lobby", text("one"), None).await;
    assert_eq!(soon("second", second.recv()).await.unwrap(), text("one"));
}

#[tokio::test]
async fn after_a_reconnect_groups_come_before_what_was_queued() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default().with_timeout(PATIENCE));
    let mut connection = gateway.welcome().await;
    let group = client.group("lobby").unwrap();
    connection.add("lobby").await;
    soon("joined", group.joined()).await.unwrap();
    let mut states = client.states();
    assert_eq!(states.next().await, Some(State::Connected));
    connection.close(CloseCode::SHUTDOWN, &CloseReason { reason: "restart".into(), retry_after: None }).await;
    let lost = soon("the loss", states.next()).await.unwrap();
    let State::Connecting { attempt: 2, code: 4000, reason, .. } = lost else { panic!("{lost:?}") };
    assert_eq!(reason, "restart");

    let queued = tokio::spawn({
        let client = client.clone();
        async move { client.send("specific.x!y", text("queued")).await }
    });
    let mut connection = gateway.welcome().await;
    connection.add("lobby").await;
    let ClientFrame::Send { id, channel, message } = connection.frame().await else { panic!("the queue is next") };
    assert_eq!((channel.as_str(), message), ("specific.x!y", text("queued")));
    connection.ok(id.unwrap()).await;
    soon("the reply", queued).await.unwrap().unwrap();
    soon("joined", group.joined()).await.unwrap();
}

#[tokio::test]
async fn what_was_in_flight_fails_and_is_not_repeated() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let mut connection = gateway.welcome().await;
    let group = client.group("lobby").unwrap();
    connection.add("lobby").await;
    let (sent, ()) = tokio::join!(group.send(text("lost?")), async {
        let ClientFrame::GroupSend { .. } = connection.frame().await else { panic!() };
        drop(connection);
    });
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.is_temporary());
    let mut connection = gateway.welcome().await;
    connection.add("lobby").await;
    let (_, got) = tokio::join!(group.send(text("next")), connection.group_send());
    assert_eq!(got, text("next"));
}

#[tokio::test]
async fn a_group_with_history_goes_on_where_it_was() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let group = client.group("log").unwrap();
    let mut connection = gateway.welcome().await;
    let ClientFrame::GroupAdd { id, recover: None, .. } = connection.frame().await else { panic!() };
    let joined = Joined { epoch: "e1".into(), offset: 7, recovered: false, messages: vec![] };
    connection.send(ServerFrame::Ok { id, group: None, joined: Some(joined), expires: None }).await;
    connection.message("log", text("eight"), Some(8)).await;
    connection.message("log", text("eight again"), Some(8)).await;
    assert_eq!(soon("eight", group.recv()).await.unwrap(), text("eight"));
    drop(connection);

    let mut connection = gateway.welcome().await;
    let ClientFrame::GroupAdd { id, recover, .. } = connection.frame().await else { panic!() };
    assert_eq!(recover, Some(Recover { epoch: "e1".into(), offset: 8 }));
    let missed = vec![(text("nine"), 9), (text("ten"), 10)];
    let joined = Joined { epoch: "e1".into(), offset: 10, recovered: true, messages: missed };
    connection.send(ServerFrame::Ok { id, group: None, joined: Some(joined), expires: None }).await;
    connection.message("log", text("eleven"), Some(11)).await;
    for expected in ["nine", "ten", "eleven"] {
        assert_eq!(soon(expected, group.recv()).await.unwrap(), text(expected));
    }
    assert_eq!(group.state(), GroupState::Joined { recovered: true });
}

#[tokio::test]
async fn codes_decide_what_becomes_of_a_group() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let mut connection = gateway.welcome().await;
    let group = client.group("lobby").unwrap();
    connection.add("lobby").await;
    soon("joined", group.joined()).await.unwrap();
    let discard =
        |code| ServerFrame::GroupDiscarded { group: GroupName::new("lobby").unwrap(), code, reason: "so it is".into() };
    connection.send(discard(GroupCode::LAYER_RECONNECTED)).await;
    connection.add("lobby").await;
    connection.send(discard(GroupCode::PERMISSION_WITHDRAWN)).await;
    let error = soon("the end", group.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Terminated(2001));
    assert_eq!(group.state(), GroupState::Discarded { code: 2001, reason: "so it is".into() });

    // The application may ask again, and hears what the gateway says.
    let (joined, ()) = tokio::join!(group.joined(), async {
        let ClientFrame::GroupAdd { id, .. } = connection.frame().await else { panic!() };
        connection.error(id, ErrorCode::PERMISSION_DENIED).await;
    });
    assert_eq!(joined.unwrap_err().kind(), ErrorKind::Refused(ErrorCode::PERMISSION_DENIED));
    // A temporary refusal is the client's business.
    let (joined, ()) = tokio::join!(group.joined(), async {
        let ClientFrame::GroupAdd { id, .. } = connection.frame().await else { panic!() };
        connection.error(id, ErrorCode::NOT_AVAILABLE).await;
        connection.add("lobby").await;
    });
    joined.unwrap();
}

#[tokio::test]
async fn a_terminal_code_ends_the_client() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default());
    let group = client.group("lobby").unwrap();
    let mut connection = gateway.welcome().await;
    connection.add("lobby").await;
    connection.close(CloseCode::BY_SERVER, &CloseReason { reason: "banned".into(), retry_after: None }).await;
    let error = soon("the end", group.recv()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Terminated(4505), "banned".into()));
    assert_eq!(client.state(), State::Closed { code: 4505, reason: "banned".into() });
    assert_eq!(client.ready().await.unwrap_err().kind(), ErrorKind::Terminated(4505));
    assert_eq!(client.group("other").unwrap_err().kind(), ErrorKind::Terminated(4505));
    assert_eq!(group.send(text("late")).await.unwrap_err().kind(), ErrorKind::Terminated(4505));
}

#[tokio::test]
async fn requests_fail_by_what_is_wrong_with_them() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default().with_timeout(Duration::from_millis(50)));
    let mut connection = gateway.welcome().await;
    soon("ready", client.ready()).await.unwrap();
    let large = text(&"x".repeat(1_000));
    assert_eq!(client.send("specific.x!y", large).await.unwrap_err().kind(), ErrorKind::MessageTooLarge);
    assert_eq!(client.send("not a name", text("")).await.unwrap_err().kind(), ErrorKind::InvalidName);
    assert_eq!(client.group("nor!this").unwrap_err().kind(), ErrorKind::InvalidName);
    let unanswered = client.send("specific.x!y", text("unanswered")).await.unwrap_err();
    assert_eq!(unanswered.kind(), ErrorKind::Timeout);
    let ClientFrame::Send { id, .. } = connection.frame().await else { panic!() };
    // Too late: nobody waits for it, and nobody is confused.
    connection.ok(id.unwrap()).await;
    let (refused, ()) = tokio::join!(client.send("specific.x!y", text("full")), async {
        let ClientFrame::Send { id, .. } = connection.frame().await else { panic!() };
        connection.error(id.unwrap(), ErrorCode::CHANNEL_FULL).await;
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused(ErrorCode::CHANNEL_FULL));
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_refused_at_once_and_what_is_dropped_leaves_it() {
    let gateway = Gateway::new().await;
    let config = ClientConfig::default().with_queue(2, 1 << 20).with_timeout(PATIENCE);
    let client = gateway.client(config);
    let send = |n: i64| client.send("specific.x!y", message! { "n": n });
    let (mut one, mut two) = (Box::pin(send(1)), Box::pin(send(2)));
    assert!((&mut one).now_or_never().is_none());
    assert!((&mut two).now_or_never().is_none());
    let error = send(3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueueFull);
    drop(one);
    let mut four = Box::pin(send(4));
    assert!((&mut four).now_or_never().is_none());
    let mut connection = gateway.welcome().await;
    for expected in [2, 4] {
        let ClientFrame::Send { id, message, .. } = connection.frame().await else { panic!() };
        assert_eq!(message, message! { "n": expected });
        connection.ok(id.unwrap()).await;
    }
    two.await.unwrap();
    four.await.unwrap();
}

#[tokio::test]
async fn a_slow_receiver_learns_how_much_it_missed() {
    let gateway = Gateway::new().await;
    let client = gateway.client(ClientConfig::default().with_inbox(3, 1 << 20));
    let mut connection = gateway.welcome().await;
    let group = client.group("lobby").unwrap();
    connection.add("lobby").await;
    for n in 0..10 {
        connection.message("lobby", message! { "n": n }, None).await;
    }
    // The answer comes behind the messages, so they are in the inbox by then.
    let (sent, _) = tokio::join!(group.send(text("")), connection.group_send());
    sent.unwrap();
    let lagged = group.recv().await.unwrap_err();
    assert_eq!(lagged.kind(), ErrorKind::Lagged);
    assert!(lagged.to_string().starts_with("7 messages"), "{lagged}");
    for n in 7..10 {
        assert_eq!(group.recv().await.unwrap(), message! { "n": n });
    }
}

#[tokio::test]
async fn pings_are_answered() {
    let gateway = Gateway::new().await;
    let _client = gateway.client(ClientConfig::default());
    let mut connection = gateway.welcome().await;
    for _ in 0..3 {
        connection.send(ServerFrame::Ping).await;
        assert_eq!(connection.frame().await, ClientFrame::Pong);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_refreshed_and_replaced() {
    let gateway = Gateway::new().await;
    let (asked, mut questions) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<String>>(4);
    let provider = TokenProvider::new(move || {
        let asked = asked.clone();
        async move {
            let (answer, token) = tokio::sync::oneshot::channel();
            asked.send(answer).await.unwrap();
            Ok(token.await.unwrap())
        }
    });
    let _client = gateway.client(ClientConfig::default().with_token_provider(provider));
    soon("a question", questions.recv()).await.unwrap().send("first".into()).unwrap();
    let mut connection = gateway.accept().await;
    assert_eq!(connection.welcome(Some(Duration::from_millis(40))).await.as_deref(), Some("first"));
    soon("a question", questions.recv()).await.unwrap().send("second".into()).unwrap();
    let ClientFrame::Refresh { id, token } = connection.frame().await else { panic!() };
    assert_eq!(token, "second");
    let expires = Some(Duration::from_millis(40));
    connection.send(ServerFrame::Ok { id, group: None, joined: None, expires }).await;
    soon("a question", questions.recv()).await.unwrap().send("third".into()).unwrap();
    let ClientFrame::Refresh { id, .. } = connection.frame().await else { panic!() };
    // Refused for good: the client comes back with another one.
    connection.error(id, ErrorCode::TOKEN_EXPIRED).await;
    assert_eq!(connection.next().await, None);
    soon("a question", questions.recv()).await.unwrap().send("fourth".into()).unwrap();
    let mut connection = gateway.accept().await;
    assert_eq!(connection.welcome(None).await.as_deref(), Some("fourth"));
}

#[tokio::test]
async fn a_provider_that_says_unauthorized_ends_the_client() {
    let gateway = Gateway::new().await;
    let refuse = || async {
        let unauthorized = ErrorKind::Refused(ErrorCode::UNAUTHORIZED);
        Err(channel_layers::Error::new(unauthorized, "log in first"))
    };
    let client = gateway.client(ClientConfig::default().with_token_provider(TokenProvider::new(refuse)));
    let error = soon("the end", client.ready()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Terminated(4502), "log in first".into()));
}

#[tokio::test]
async fn addresses_that_cannot_work_are_refused_at_once() {
    for (url, why) in [("localhost", "no scheme"), ("ws://", "host")] {
        let error = Client::connect(url, ClientConfig::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn outside_a_runtime_the_error_says_so() {
    let error = Client::connect("ws://localhost", ClientConfig::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
