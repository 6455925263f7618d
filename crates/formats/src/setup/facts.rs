//! What single lines of the setup log say about the build history of a server.
//!
//! Setup writes installations and cumulative updates; security updates leave their traces elsewhere. Texts as in the
//! setup logs of microsoft/CSS-Exchange, builds 15.0 to 15.2.

use model::Build;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupFact {
    /// A run begins, of this product: `Microsoft Exchange Server 2016`.
    Started(String),
    /// The build that is being installed.
    SetupVersion(Build),
    /// The build that is installed at the time of the line.
    InstalledVersion(Build),
    /// The build that was installed before, as setup remembers it.
    PreviousVersion(Build),
    /// The result of the run as setup writes it. 1 stands in failed runs; 0 is no proof of success.
    Result(u32),
    /// The run ends.
    Ended,
}

/// What the text of a line (without stamp) says, if it is one of the lines that matter.
#[must_use]
pub fn fact(text: &[u8]) -> Option<SetupFact> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let build = |text: &str| text.trim().trim_matches('\'').parse::<Build>().ok();
    let between = |before: &str, after: &str| text.strip_prefix(before)?.strip_suffix(after);
    if let Some(version) = between("Setup version: ", ".") {
        return build(version).map(SetupFact::SetupVersion);
    }
    if let Some(version) = between("The locally installed version is ", ".") {
        return build(version).map(SetupFact::InstalledVersion);
    }
    if let Some(version) = between("The backup copy of the previously installed version is '", "'.") {
        return build(version).map(SetupFact::PreviousVersion);
    }
    if let Some(product) = between("Starting ", " Setup").filter(|name| name.starts_with("Microsoft Exchange")) {
        return Some(SetupFact::Started(product.to_owned()));
    }
    if let Some(rest) = text.strip_prefix("CurrentResult setupbase.maincore:") {
        return rest.split_once(": ")?.1.trim().parse().ok().map(SetupFact::Result);
    }
    (text == "End of Setup").then_some(SetupFact::Ended)
}
