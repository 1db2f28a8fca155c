//! The glob against what Python's `fnmatch` answers, and against a matcher that is obviously right and slow.

use proptest::prelude::*;

use super::{Glob, Pattern};
use crate::{ChannelName, ErrorKind};

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

const NAMES: &str = "http.request http.requests http.response!abc http.response! abc abbc aq zq up UP a b c d e - x \
                     yacht banana a.b.b.c cx . a! ab a- 9 _a";

/// Patterns, and the names of `NAMES` that Python 3.11 matches them with.
const MATCHES: &[(&str, &str)] = &[
    ("http.request", "http.request"),
    ("http.response!*", "http.response!abc http.response!"),
    ("a?c", "abc"),
    ("[xy]*", "x yacht"),
    ("[!z]q", "aq"),
    ("UP", "UP"),
    ("*", NAMES),
    ("*?", NAMES),
    ("?*", NAMES),
    ("**a**", "http.response!abc abc abbc aq a yacht banana a.b.b.c a! ab a- _a"),
    ("a*b*c", "abc abbc a.b.b.c"),
    ("a.c", ""),
    ("?", "a b c d e - x . 9"),
    ("??", "aq zq up UP cx a! ab a- _a"),
    ("[a-c]", "a b c"),
    ("[a-a]", "a"),
    ("[a-c-e]", "a b c e -"),
    ("[-a]", "a -"),
    ("[a-]", "a -"),
    ("[!a-]", "b c d e x . 9"),
    ("[!-a]", "b c d e x . 9"),
    ("[c-a]", ""),
    ("[!c-a]", "a b c d e - x . 9"),
    ("[b-ac-d]", "c d"),
    ("[c-a-d]", "d -"),
    ("[--9]", "- . 9"),
    ("[-]", "-"),
    ("[--]", "-"),
    ("[---]", "-"),
    ("[a--]", ""),
    ("[!--a]", "b c d e x"),
    ("[^a]", "a"),
    ("[]a]", "a"),
    ("[]-a]", "a"),
    ("[!]]", "a b c d e - x . 9"),
    ("[!!]", "a b c d e - x . 9"),
    ("[a\\]", "a"),
    ("[*]", ""),
    ("[]", ""),
    ("[!]", ""),
    ("a[!]", ""),
    ("a[", ""),
    ("[a-", ""),
    ("[[]a", ""),
];

#[test]
fn globs_match_what_python_matches() {
    for (pattern, expected) in MATCHES {
        let pattern = Pattern::glob(pattern);
        let matched: Vec<&str> = NAMES.split(' ').filter(|text| pattern.matches(&name(text))).collect();
        assert_eq!(matched.join(" "), *expected, "{pattern}");
    }
}

#[test]
fn regular_expressions_match_at_the_beginning() {
    let pattern = Pattern::regex(r"^websocket.send\!.+").unwrap();
    assert!(pattern.matches(&name("websocketXsend!q")));
    assert!(!pattern.matches(&name("websocket.send!")));
    let pattern = Pattern::regex("b|a").unwrap();
    assert!(pattern.matches(&name("ab")), "what follows the match may be anything");
    assert!(!pattern.matches(&name("cab")), "the match must begin where the name does");
    assert!(Pattern::regex(r"\w+\d$").unwrap().matches(&name("room7")));
    let error = Pattern::regex("a(").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("a("), "{error}");
}

/// Tries every way to divide the name at a star.
fn reference(glob: &[char], name: &[char]) -> bool {
    match glob {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|taken| reference(rest, &name[taken..])),
        ['[', set @ ..] if set_end(set).is_some() => {
            let end = set_end(set).unwrap();
            !name.is_empty() && in_set(&set[..end], name[0]) && reference(&set[end + 1..], &name[1..])
        }
        [c, rest @ ..] => !name.is_empty() && (*c == '?' || *c == name[0]) && reference(rest, &name[1..]),
    }
}

fn set_end(set: &[char]) -> Option<usize> {
    let first = if set.first() == Some(&'!') { 2 } else { 1 };
    (first..set.len()).find(|at| set[*at] == ']')
}

fn in_set(set: &[char], c: char) -> bool {
    let negated = set[0] == '!';
    let mut at = usize::from(negated);
    let mut found = false;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            found |= set[at] <= c && c <= set[at + 2];
            at += 3;
        } else {
            found |= set[at] == c;
            at += 1;
        }
    }
    found != negated
}

proptest! {
    #[test]
    fn glob_is_the_reference(glob in "[*?\\[\\]!a-d-]{0,12}", name in "[a-d!-]{0,12}") {
        let (pattern, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
        prop_assert_eq!(Glob::new(&glob).matches(name.as_bytes()), reference(&pattern, &text));
    }

    #[test]
    fn any_text_is_a_glob_and_is_shown_as_written(text in ".{0,40}", channel in "[a-z.]{1,99}") {
        let pattern = Pattern::glob(&text);
        pattern.matches(&name(&channel));
        prop_assert_eq!(pattern.to_string(), text);
    }
}

#[test]
fn many_stars_do_not_explode() {
    let stars = "*a".repeat(45) + "b";
    let long = name(&"a".repeat(99));
    assert!(!Pattern::glob(&stars).matches(&long));
    assert!(Pattern::glob(&"*a".repeat(45)).matches(&long));
}
