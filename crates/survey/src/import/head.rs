//! The head of an answer as text: a status line and headers.

use super::parts::{header_value, push_header};

/// Status and headers of a head. The status line may be missing.
pub(super) fn read(text: &str) -> (Option<u16>, Vec<(String, String)>) {
    let mut headers = Vec::new();
    let mut status = None;
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(rest) = line.trim_start().strip_prefix("HTTP/") {
            // A second head follows where the scanner kept several; the last is that of the answer.
            if status.is_some() {
                headers.clear();
            }
            status = rest.split_whitespace().nth(1).and_then(|code| code.parse().ok()).or(status);
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim();
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            if is_name {
                push_header(&mut headers, name.to_owned(), header_value(value.trim()));
            }
        } else if line.is_empty() && !headers.is_empty() {
            break;
        }
    }
    (status, headers)
}
