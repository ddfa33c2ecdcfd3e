//! What queries mean, and what is said about those that mean nothing.

use super::*;

#[test]
fn errors_say_what_and_where() {
    let cases = [("", "unknown position: parse error: no expression found in input")];
    for (query, expect) in cases {
        assert_eq!(parse(query).unwrap_err().display(query), expect, "{query}");
    }
}
