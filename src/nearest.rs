//! Which known word somebody may have meant: for the errors about a setting or an option that does not exist.

/// From this likeness on, of 1, a word may be a slip of the other.
const LIKE: f64 = 0.7;

/// A half sentence that names the known word nearest to one that is not known, or else all known words.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), *candidate));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, nearest)) if score >= LIKE => format!("did you mean {nearest:?}?"),
        _ => format!("there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn a_slip_is_answered_with_the_word_and_nonsense_with_all_of_them() {
        let known = ["hosts", "prefix", "group_expiry"];
        assert_eq!(suggestion("hsots", &known), r#"did you mean "hosts"?"#);
        assert_eq!(suggestion("HOST", &known), r#"did you mean "hosts"?"#);
        assert_eq!(suggestion("groupexpiry", &known), r#"did you mean "group_expiry"?"#);
        assert_eq!(suggestion("zzz", &known), "there are hosts, prefix, group_expiry");
    }
}
