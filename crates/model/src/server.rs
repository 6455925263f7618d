//! Names of servers.

/// A computer name as afterpatch spells it: upper case, no domain. `None` where the text cannot be one.
#[must_use]
pub fn server_name(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('\\');
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let name = if is_address { text } else { text.split('.').next().unwrap_or(text) };
    let plausible = !matches!(name, "" | "-") && name.len() <= 63 && !name.chars().any(char::is_control);
    plausible.then(|| name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::server_name;

    #[test]
    fn drops_domain_and_case() {
        assert_eq!(server_name("exc01.contoso.example").as_deref(), Some("EXC01"));
        assert_eq!(server_name(r"\\exc01").as_deref(), Some("EXC01"));
        assert_eq!(server_name("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(server_name("-"), None);
    }
}
