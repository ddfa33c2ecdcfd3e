//! What an endpoint is called, by the span of a request: method and route, after either generation of
//! OpenTelemetry's conventions for HTTP.

use std::borrow::Cow;

use crate::humane::short;

/// Characters of a name at most.
const NAME_CHARS_MAX: usize = 256;

/// The methods that requests may have; others are client's inventions.
pub const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];

/// The name of an endpoint. A span's name that is method and path already stays; else method and
/// route make one where both are there; else it is the span's name.
pub fn endpoint_name(span: &str, method: Option<&str>, route: Option<&str>) -> String {
    let route = route.map(path_of).filter(|route| !route.is_empty());
    let name: Cow<'_, str> = if let Some((method, path)) = method_and_path(span) {
        format!("{method} {path}").into()
    } else if let (Some(method), Some(route)) = (method.filter(|text| !text.is_empty()), route) {
        // The convention's name for a method that is not known, which spans are named by too.
        let method = if method == "_OTHER" { "HTTP" } else { method };
        let slash = if route.starts_with('/') { "" } else { "/" };
        format!("{} {slash}{route}", short(method).to_ascii_uppercase()).into()
    } else {
        span.into()
    };
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into_owned(),
    }
}

/// Method and path of a name that has both.
fn method_and_path(name: &str) -> Option<(&'static str, &str)> {
    let (method, path) = name.split_once(' ')?;
    let method = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(method))?;
    path.starts_with('/').then(|| (method, path_of(path)))
}

/// A request's target without what comes after its path.
fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_called_by_method_and_route() {
        let cases = [
            // Span, method, route, name.
            ("GET", Some("GET"), Some("/users/{id}"), "GET /users/{id}"),
            ("users.show", Some("POST"), Some("/users"), "POST /users"),
            ("GET /users/{id}", Some("GET"), Some("/users/17"), "GET /users/{id}"),
            ("get /users/{id}", Some("GET"), Some("/users/17"), "GET /users/{id}"),
            ("GET /cart?user=17", None, None, "GET /cart"),
            ("HTTP GET", Some("GET"), Some("/cart?user=17#top"), "GET /cart"),
            ("GET", Some("get"), Some("cart"), "GET /cart"),
            ("HTTP", Some("_OTHER"), Some("/cart"), "HTTP /cart"),
            ("GET", Some("GET"), None, "GET"),
            ("GET", Some("GET"), Some("?x=1"), "GET"),
            ("GET", Some(""), Some("/cart"), "GET"),
            ("cart.add", None, Some("/cart"), "cart.add"),
            ("orders process", None, None, "orders process"),
            ("FETCH /x", None, None, "FETCH /x"),
            ("GET https://shop.example/cart", None, None, "GET https://shop.example/cart"),
            ("", None, None, ""),
        ];
        for (span, method, route, expected) in cases {
            assert_eq!(
                endpoint_name(span, method, route),
                expected,
                "{span:?} {method:?} {route:?}"
            );
        }
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let name = endpoint_name(&"ä".repeat(1_000), None, None);
        assert_eq!(name.chars().count(), NAME_CHARS_MAX + 1);
        assert!(name.ends_with("ä…"));
    }
}
