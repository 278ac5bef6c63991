//! Changes come from this site's own pages and from programs, never from the page of another site.
//!
//! Without this check any page that the same browser shows could change records behind its user's back: the browser
//! sends the cookie of the session along.

use axum::http::{HeaderMap, header};

/// Whether a request that changes something may be taken. A browser says where it comes from (`Sec-Fetch-Site`, or
/// `Origin`); a program says neither.
pub fn own_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text("host");
    if let Some(from) = text("sec-fetch-site") {
        return matches!(from, "same-origin" | "none");
    }
    match text(header::ORIGIN.as_str()) {
        None => true,
        Some(origin) => {
            let authority = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
            authority.is_some() && authority == host
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        own_site(&headers)
    }

    #[test]
    fn own_pages_and_programs_are_taken_and_other_sites_refused() {
        let host = ("host", "127.0.0.1:8080");
        assert!(taken(&[]) && taken(&[host]) && taken(&[("host", "localhost:8080")]) && taken(&[("host", "[::1]:80")]));
        assert!(taken(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(taken(&[host, ("origin", "http://127.0.0.1:8080")]));
        for from in ["cross-site", "same-site", "?"] {
            assert!(!taken(&[host, ("sec-fetch-site", from)]), "{from}");
        }
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9090"] {
            assert!(!taken(&[host, ("origin", origin)]), "{origin}");
        }
    }
}
