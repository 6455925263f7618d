//! The only requests that there are: GET, without cookie, without login.

/// The request for a path. `host` and `user_agent` hold no line breaks: a scope would not have them.
#[must_use]
pub fn get(path: &str, host: &str, user_agent: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {user_agent}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n\
         Connection: keep-alive\r\n\r\n"
    )
}
