//! Rights do not imply each other, and what no pattern matches is refused.

use super::*;

fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

#[test]
fn nothing_is_granted_by_leaving_it_out() {
    let none = Grants::default();
    assert!(none.may_join(&group("g")).is_err());
    assert!(none.may_group_send(&group("g"), Some("t")).is_err());
    assert!(none.may_send(&channel("c"), Some("t")).is_err());
    let everything = Grants::everything();
    assert!(everything.may_join(&group("g")).is_ok());
    assert!(everything.may_group_send(&group("g"), None).is_ok());
    assert!(everything.may_send(&channel("gateway.9!c"), Some("t")).is_ok());
}

#[test]
fn rights_do_not_imply_each_other() {
    let joins = Grants::default().with_group("*", [Right::Join]).with_type("*");
    assert!(joins.may_join(&group("g")).is_ok());
    assert!(joins.may_group_send(&group("g"), Some("t")).is_err());
    assert!(joins.may_send(&channel("g"), Some("t")).is_err());
    let sends = Grants::default().with_group("*", [Right::Send]).with_type("*");
    assert!(sends.may_join(&group("g")).is_err());
    assert!(sends.may_group_send(&group("g"), Some("t")).is_ok());
    assert!(sends.may_send(&channel("g"), Some("t")).is_err());
    let direct = Grants::default().with_channel("*").with_type("*");
    assert!(direct.may_join(&group("g")).is_err());
    assert!(direct.may_group_send(&group("g"), Some("t")).is_err());
    assert!(direct.may_send(&channel("g"), Some("t")).is_ok());
}

#[test]
fn a_right_is_for_the_names_of_its_own_pattern() {
    let grants = Grants::default().with_group("a.*", [Right::Join]).with_group("b.*", [Right::Send]).with_type("*");
    assert!(grants.may_join(&group("a.1")).is_ok());
    assert!(grants.may_join(&group("b.1")).is_err());
    assert!(grants.may_group_send(&group("b.1"), None).is_ok());
    assert!(grants.may_group_send(&group("a.1"), None).is_err());
}

#[test]
fn a_pattern_is_for_whole_names() {
    let grants = Grants::default().with_group("chat.*", [Right::Join]);
    for (name, granted) in
        [("chat.a", true), ("chat.a.b", true), ("chat", false), ("a.chat.b", false), ("Chat.a", false)]
    {
        assert_eq!(grants.may_join(&group(name)).is_ok(), granted, "{name}");
    }
    let exact = Grants::default().with_group("chat.a", [Right::Join]);
    assert!(exact.may_join(&group("chat.a")).is_ok());
    assert!(exact.may_join(&group("chat.a.b")).is_err());
}

#[test]
fn types_are_granted_apart_and_no_type_is_the_empty_one() {
    let grants = Grants::default().with_group("*", [Right::Send]);
    let untyped = grants.may_group_send(&group("g"), Some("chat.message"));
    assert_eq!(
        untyped,
        Err(Denied::Forbidden("the type \"chat.message\" is not granted: no pattern in \"types\" matches it".into()))
    );
    let typed = grants.with_type("chat.*");
    for (kind, granted) in [(Some("chat.message"), true), (Some("poll.vote"), false), (Some(""), false), (None, false)]
    {
        assert_eq!(typed.may_group_send(&group("g"), kind).is_ok(), granted, "{kind:?}");
    }
    assert!(typed.with_type("*").may_group_send(&group("g"), None).is_ok());
}

#[test]
fn a_refusal_says_what_is_missing() {
    let Err(Denied::Forbidden(reason)) = Grants::default().may_send(&channel("workers"), None) else { panic!() };
    assert_eq!(
        reason,
        "the channel \"workers\" is not granted: no pattern in \"channels\" that can \"send\" matches it"
    );
}
