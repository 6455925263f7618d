//! The stories, one file a campaign. A story says what an assessment should find and tells what happened; the moves
//! that several of them share stand outside of this folder.

use crate::Scenario;
use crate::plan::Plan;
use crate::setting::Setting;

mod april_2021;
mod black_kingdom;
mod cve_2020_0688;
mod cve_2021_42321;
mod dearcry;
mod ghostcontainer;
mod iis_module;
mod left_in_registry;
mod owa_keylogger;
mod owassrf;
mod proxylogon;
mod proxynotshell;
mod proxyshell;
mod proxytoken;
mod quiet;
mod stolen_password;
mod sunburst;
mod transport_agent;

/// A story: what the evidence supports, and how it comes about.
pub(crate) struct Story {
    /// Part of the command line.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) description: &'static str,
    /// In the words of an assessment.
    pub(crate) verdict: &'static str,
    /// Id of the pack, if the story belongs to one.
    pub(crate) campaign: Option<&'static str>,
    /// Id of the pack for what was done once inside, where that has one of its own.
    pub(crate) also: Option<&'static str>,
    /// `vulnerability`, `credentials`, `unknown`.
    pub(crate) entry: &'static str,
    /// Days of evidence.
    pub(crate) days: u32,
    /// Bytes of logs a day.
    pub(crate) bytes_per_day: u64,
    pub(crate) setting: fn() -> Setting,
    pub(crate) tell: fn(&mut Plan),
}

/// The story of a scenario.
pub(crate) fn story(scenario: Scenario) -> &'static Story {
    match scenario {
        Scenario::CompromisedBeforePatch => &proxylogon::COMPROMISED,
        Scenario::ActiveAfterPatch => &proxylogon::ACTIVE,
        Scenario::TargetedOnly => &proxylogon::TARGETED,
        Scenario::QuietCovered => &quiet::COVERED,
        Scenario::QuietUncovered => &quiet::UNCOVERED,
        Scenario::MailTheft => &proxylogon::MAIL_THEFT,
        Scenario::CleanedUp => &proxylogon::CLEANED_UP,
        Scenario::LeftInRegistry => &left_in_registry::STORY,
        Scenario::ProxyShell => &proxyshell::STORY,
        Scenario::ProxyNotShell => &proxynotshell::STORY,
        Scenario::Owassrf => &owassrf::STORY,
        Scenario::ProxyToken => &proxytoken::STORY,
        Scenario::StaticViewStateKey => &cve_2020_0688::STORY,
        Scenario::GetAppDeserialization => &cve_2021_42321::STORY,
        Scenario::CalendarProbe => &april_2021::STORY,
        Scenario::Dearcry => &dearcry::STORY,
        Scenario::BlackKingdom => &black_kingdom::STORY,
        Scenario::OwaKeylogger => &owa_keylogger::STORY,
        Scenario::Ghostcontainer => &ghostcontainer::STORY,
        Scenario::IisModule => &iis_module::STORY,
        Scenario::TransportAgent => &transport_agent::STORY,
        Scenario::SunburstApart => &sunburst::STORY,
        Scenario::StolenPassword => &stolen_password::STORY,
    }
}
