//! From a Sigma log source to the records that a rule looks at.
//!
//! Windows services and categories follow the SigmaHQ taxonomy (appendix "taxonomy" of the specification). A log
//! source that is not read here is refused, so that no rule sleeps unnoticed.

use model::Family;
use rsigma_parser::{LogSource, SigmaRule};

use super::foreign::{self, Shape};
use crate::sigma::Reason;

/// Where a rule looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Rows(Family),
    Events(Vec<Scope>),
    /// Values of registry hives.
    Registry,
    /// Events of the registry, and values of hives, which say the same without who set them.
    EventsAndRegistry(Vec<Scope>),
    Files,
    /// Elements of configuration files.
    Configuration,
}

/// Windows events of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// `None`: any log.
    pub(super) log: Option<&'static EventLog>,
    /// `None`: any event id.
    pub(super) event_ids: Option<&'static [u32]>,
    /// The fields are those of Security 4688 under the names of Sysmon 1.
    pub(super) renamed: bool,
}

/// A Windows event log, by the names of its channels; a provider stands in where an export lost the channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EventLog {
    service: &'static str,
    channels: &'static [&'static str],
    provider: Option<&'static str>,
}

impl EventLog {
    /// The channels that hold it.
    pub(super) fn channels(&self) -> &'static [&'static str] {
        self.channels
    }

    /// The provider that alone writes it.
    pub(super) fn provider(&self) -> Option<&'static str> {
        self.provider
    }
}

const fn log(service: &'static str, channels: &'static [&'static str]) -> EventLog {
    EventLog { service, channels, provider: None }
}

const fn provided(service: &'static str, channels: &'static [&'static str], provider: &'static str) -> EventLog {
    EventLog { service, channels, provider: Some(provider) }
}

const SYSMON: EventLog = provided("sysmon", &["Microsoft-Windows-Sysmon/Operational"], "Microsoft-Windows-Sysmon");
const SECURITY: EventLog = provided("security", &["Security"], "Microsoft-Windows-Security-Auditing");
const POWERSHELL: EventLog = provided(
    "powershell",
    &["Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"],
    "Microsoft-Windows-PowerShell",
);
const POWERSHELL_CLASSIC: EventLog = provided("powershell-classic", &["Windows PowerShell"], "PowerShell");

static LOGS: [EventLog; 50] = [
    SYSMON,
    SECURITY,
    POWERSHELL,
    POWERSHELL_CLASSIC,
    log("system", &["System"]),
    log("application", &["Application"]),
    provided("msexchange-management", &["MSExchange Management"], "MSExchange CmdletLogs"),
    log("windefend", &["Microsoft-Windows-Windows Defender/Operational"]),
    // Text logs of Microsoft's antivirus, under the names that their reader gives them.
    log("antivirus", &["Antivirus/MPLog", "Antivirus/MSERT", "Antivirus/MRT", "Antivirus/EOMT"]),
    log("taskscheduler", &["Microsoft-Windows-TaskScheduler/Operational"]),
    log("wmi", &["Microsoft-Windows-WMI-Activity/Operational"]),
    log("winrm", &["Microsoft-Windows-WinRM/Operational"]),
    log("iis-configuration", &["Microsoft-IIS-Configuration/Operational"]),
    log("ntlm", &["Microsoft-Windows-NTLM/Operational"]),
    log("dns-client", &["Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"]),
    log("dns-server", &["DNS Server"]),
    log("dns-server-analytic", &["Microsoft-Windows-DNS-Server/Analytical"]),
    log("dns-server-audit", &["Microsoft-Windows-DNS-Server/Audit"]),
    log("bits-client", &["Microsoft-Windows-Bits-Client/Operational"]),
    log("firewall-as", &["Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"]),
    log("codeintegrity-operational", &["Microsoft-Windows-CodeIntegrity/Operational"]),
    log("smbclient-security", &["Microsoft-Windows-SmbClient/Security"]),
    log("smbclient-connectivity", &["Microsoft-Windows-SmbClient/Connectivity"]),
    log("smbserver-connectivity", &["Microsoft-Windows-SMBServer/Connectivity"]),
    log(
        "terminalservices-localsessionmanager",
        &["Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"],
    ),
    log("appxdeployment-server", &["Microsoft-Windows-AppXDeploymentServer/Operational"]),
    log("appxpackaging-om", &["Microsoft-Windows-AppxPackaging/Operational"]),
    log("appmodel-runtime", &["Microsoft-Windows-AppModel-Runtime/Admin"]),
    log(
        "applocker",
        &[
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        ],
    ),
    log(
        "security-mitigations",
        &[
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
        ],
    ),
    log("printservice-admin", &["Microsoft-Windows-PrintService/Admin"]),
    log("printservice-operational", &["Microsoft-Windows-PrintService/Operational"]),
    log("driver-framework", &["Microsoft-Windows-DriverFrameworks-UserMode/Operational"]),
    log("dhcp", &["Microsoft-Windows-DHCP-Server/Operational"]),
    log("ldap", &["Microsoft-Windows-LDAP-Client/Debug"]),
    log("lsa-server", &["Microsoft-Windows-LSA/Operational"]),
    log("capi2", &["Microsoft-Windows-CAPI2/Operational"]),
    log(
        "certificateservicesclient-lifecycle-system",
        &["Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational"],
    ),
    log("openssh", &["OpenSSH/Operational"]),
    log("shell-core", &["Microsoft-Windows-Shell-Core/Operational"]),
    log("diagnosis-scripted", &["Microsoft-Windows-Diagnosis-Scripted/Operational"]),
    // Channels of the provider, and the bare name that pySigma gives (`sigma/pipelines/common.py`).
    provided(
        "microsoft-servicebus-client",
        &[
            "Microsoft-ServiceBus-Client",
            "Microsoft-ServiceBus-Client/Admin",
            "Microsoft-ServiceBus-Client/Operational",
        ],
        "Microsoft-ServiceBus-Client",
    ),
    provided(
        "servicebus-client",
        &[
            "Microsoft-ServiceBus-Client",
            "Microsoft-ServiceBus-Client/Admin",
            "Microsoft-ServiceBus-Client/Operational",
        ],
        "Microsoft-ServiceBus-Client",
    ),
    log("ldap_debug", &["Microsoft-Windows-LDAP-Client/Debug"]),
    log("bitlocker", &["Microsoft-Windows-BitLocker/BitLocker Management"]),
    // The following are those of Hayabusa's rules (`Channel:` in the rules themselves).
    log("ntfs", &["Microsoft-Windows-Ntfs/Operational"]),
    log("vhdmp", &["Microsoft-Windows-VHDMP-Operational"]),
    log("sense", &["Microsoft-Windows-SENSE/Operational"]),
    log("hyper-v-worker", &["Microsoft-Windows-Hyper-V-Worker-Admin", "Microsoft-Windows-Hyper-V-Worker-Operational"]),
    log("kernel-shimengine", &["Microsoft-Windows-Kernel-ShimEngine/Operational"]),
];

/// Events of Windows Defender that name a threat and where it was found
/// (<https://learn.microsoft.com/defender-endpoint/troubleshoot-microsoft-defender-antivirus>).
const DEFENDER_IDS: [u32; 15] =
    [1006, 1007, 1008, 1009, 1010, 1011, 1012, 1015, 1017, 1018, 1019, 1116, 1117, 1118, 1119];

/// Categories: which events of which log.
/// (Sysmon: its schema of events; the names are those of the SigmaHQ taxonomy and of pySigma's pipeline for Sysmon.)
const CATEGORIES: [(&str, &str, &[u32]); 35] = [
    ("process_creation", "sysmon", &[1]),
    ("process_creation", "security", &[4688]),
    ("file_change", "sysmon", &[2]),
    ("network_connection", "sysmon", &[3]),
    ("sysmon_status", "sysmon", &[4, 16]),
    ("process_termination", "sysmon", &[5]),
    ("driver_load", "sysmon", &[6]),
    ("image_load", "sysmon", &[7]),
    ("create_remote_thread", "sysmon", &[8]),
    ("raw_access_thread", "sysmon", &[9]),
    ("raw_access_read", "sysmon", &[9]),
    ("process_access", "sysmon", &[10]),
    ("file_event", "sysmon", &[11]),
    ("registry_event", "sysmon", &[12, 13, 14]),
    ("registry_add", "sysmon", &[12]),
    ("registry_delete", "sysmon", &[12]),
    ("registry_set", "sysmon", &[13]),
    ("registry_rename", "sysmon", &[14]),
    ("create_stream_hash", "sysmon", &[15]),
    ("pipe_created", "sysmon", &[17, 18]),
    ("wmi_event", "sysmon", &[19, 20, 21]),
    ("dns_query", "sysmon", &[22]),
    ("file_delete", "sysmon", &[23, 26]),
    ("clipboard_change", "sysmon", &[24]),
    ("process_tampering", "sysmon", &[25]),
    ("file_delete_detected", "sysmon", &[26]),
    ("file_block_executable", "sysmon", &[27]),
    ("file_block_shredding", "sysmon", &[28]),
    ("file_executable_detected", "sysmon", &[29]),
    ("sysmon_error", "sysmon", &[255]),
    ("ps_module", "powershell", &[4103]),
    ("ps_script", "powershell", &[4104]),
    ("ps_classic_start", "powershell-classic", &[400]),
    ("ps_classic_provider_start", "powershell-classic", &[600]),
    ("ps_classic_script", "powershell-classic", &[800]),
];

/// Categories of which a hive shows the outcome.
const HIVE_CATEGORIES: [&str; 2] = ["registry_event", "registry_set"];

impl Route {
    pub(super) fn of(source: &LogSource) -> Result<Self, Reason> {
        let refuse = || Reason::LogSource(spell(source));
        if !source.custom.is_empty() {
            return Err(refuse());
        }
        let word = |word: &Option<String>| word.as_deref().map(str::to_ascii_lowercase);
        let (product, category, service) = (word(&source.product), word(&source.category), word(&source.service));
        match (product.as_deref(), category.as_deref(), service.as_deref()) {
            (Some("exchange"), None, Some("file")) => Ok(Self::Files),
            (Some("exchange"), None, Some("configuration")) => Ok(Self::Configuration),
            (Some("exchange"), None, Some(service)) => exchange_log(service).map(Self::Rows).ok_or_else(refuse),
            (None | Some("exchange" | "windows"), Some("webserver"), None | Some("iis")) => Ok(Self::Rows(Family::Iis)),
            (Some("windows"), None, Some("registry")) => Ok(Self::Registry),
            (Some("windows"), Some(category), None) if HIVE_CATEGORIES.contains(&category) => {
                event_scopes(Some(category), None).map(Self::EventsAndRegistry).ok_or_else(refuse)
            }
            (Some("windows"), category, service) => {
                event_scopes(category, service).map(Self::Events).ok_or_else(refuse)
            }
            _ => Err(refuse()),
        }
    }
}

/// Where a rule of somebody else looks, and what has to be done to it. Public log sources leave the product out where a
/// category says enough, and converted rules say in their detection which channel they mean.
/// Whether channels that a rule asks for are where its records stand. In the system log, where the event of a cleared log
/// stands, other channels are what its data say.
fn names_own_log(source: &LogSource, channels: &[&str]) -> bool {
    let in_system_log = source.service.as_deref().is_some_and(|service| service.eq_ignore_ascii_case("system"));
    !in_system_log || channels.iter().all(|channel| channel.eq_ignore_ascii_case("System"))
}

pub(super) fn of_others(rule: &SigmaRule) -> Result<(Route, Option<Shape>), Reason> {
    let source = &rule.logsource;
    let is =
        |word: &Option<String>, wanted: &str| word.as_deref().is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    let on_windows = source.product.is_none() || is(&source.product, "windows");
    if !source.custom.is_empty() || !on_windows {
        return Route::of(source).map(|route| (route, None));
    }
    if let Some(channels) = foreign::own_channels(&rule.detection).filter(|channels| names_own_log(source, channels)) {
        return Ok((Route::Events(scopes_of_channels(&channels)), Some(Shape::Events)));
    }
    if is(&source.category, "antivirus") && (source.service.is_none() || is(&source.service, "windefend")) {
        let logs = LOGS.iter().filter(|log| matches!(log.service, "windefend" | "antivirus"));
        let scopes = logs.map(|log| Scope { log: Some(log), event_ids: Some(&DEFENDER_IDS), renamed: false });
        return Ok((Route::Events(scopes.collect()), Some(Shape::Defender)));
    }
    let named = |category: &str| CATEGORIES.iter().any(|(name, ..)| category.eq_ignore_ascii_case(name));
    if source.product.is_none() && source.category.as_deref().is_some_and(named) {
        let product = Some("windows".to_owned());
        return Route::of(&LogSource { product, ..source.clone() }).map(|route| (route, None));
    }
    let route = Route::of(source)?;
    let shape = (route == Route::Rows(Family::Iis)).then_some(Shape::Web);
    Ok((route, shape))
}

/// The logs of these channels; any log where one is not known by name. The rule itself tests the channel.
fn scopes_of_channels(channels: &[&str]) -> Vec<Scope> {
    let log =
        |channel: &&str| LOGS.iter().find(|log| log.channels.iter().any(|known| known.eq_ignore_ascii_case(channel)));
    let mut logs: Vec<&'static EventLog> = channels.iter().filter_map(log).collect();
    if !channels.iter().all(|channel| log(channel).is_some()) {
        return vec![Scope { log: None, event_ids: None, renamed: false }];
    }
    logs.sort_unstable_by_key(|log| log.service);
    logs.dedup();
    logs.into_iter().map(|log| Scope { log: Some(log), event_ids: None, renamed: false }).collect()
}

fn exchange_log(service: &str) -> Option<Family> {
    use Family as F;
    let families = [
        F::HttpProxy,
        F::EcpServer,
        F::EcpActivity,
        F::OabGenerator,
        F::RpsHttp,
        F::RpsCmdlet,
        F::Ews,
        F::MapiHttp,
        F::MessageTracking,
        F::SmtpReceive,
        F::SmtpSend,
        F::Pop,
        F::Imap,
        F::Audit,
        F::Setup,
        F::TestProxyLogon,
    ];
    families.into_iter().find(|family| family.name() == service)
}

fn event_scopes(category: Option<&str>, service: Option<&str>) -> Option<Vec<Scope>> {
    let log = |name: &str| LOGS.iter().find(|log| log.service == name);
    let scopes: Vec<Scope> = match (category, service) {
        (None, None) => vec![Scope { log: None, event_ids: None, renamed: false }],
        (None, Some(service)) => vec![Scope { log: Some(log(service)?), event_ids: None, renamed: false }],
        (Some(category), service) => CATEGORIES
            .iter()
            .filter(|(name, of, _)| *name == category && service.is_none_or(|service| service == *of))
            .map(|(_, of, event_ids)| Scope { log: log(of), event_ids: Some(event_ids), renamed: *event_ids == [4688] })
            .collect(),
    };
    (!scopes.is_empty()).then_some(scopes)
}

fn spell(source: &LogSource) -> String {
    let spelt = crate::pack::log_source(source);
    if spelt.starts_with('(') { spelt } else { format!("`{spelt}`") }
}

#[cfg(test)]
mod tests {
    use model::Family;
    use rsigma_parser::LogSource;

    use super::Route;

    fn route(product: &str, category: &str, service: &str) -> Option<Route> {
        let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        let source = LogSource {
            product: word(product),
            category: word(category),
            service: word(service),
            ..LogSource::default()
        };
        Route::of(&source).ok()
    }

    /// Whatever a shipped rule looks in is asked for: its family, its channels.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "our own packs, not evidence")]
    fn what_shipped_rules_look_in_is_collected() {
        let asked = |family: &str, part: &str| {
            let holds = |row: &&exchange::EvidenceSource| {
                row.is_asked() && row.family == family && (part.is_empty() || row.part(part).is_some())
            };
            assert!(exchange::sources().iter().any(|row| holds(&row)), "no row of sources.csv holds {family} {part}");
        };
        let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packs")).expect("packs");
        let rules =
            folders.flat_map(|pack| std::fs::read_dir(pack.expect("a pack").path().join("rules")).expect("rules"));
        let mut seen = 0;
        for rule in rules {
            let text = std::fs::read_to_string(rule.expect("a rule").path()).expect("text");
            for rule in rsigma_parser::parse_sigma_yaml(&text).expect("Sigma").rules {
                seen += 1;
                match Route::of(&rule.logsource).expect("shipped rules have a log source that is read") {
                    Route::Rows(family) => asked(family.name(), ""),
                    Route::Files | Route::Configuration => asked(Family::File.name(), ""),
                    Route::Registry => asked(Family::Registry.name(), ""),
                    Route::Events(scopes) | Route::EventsAndRegistry(scopes) => {
                        let channels = scopes.iter().filter_map(|scope| scope.log).flat_map(super::EventLog::channels);
                        channels.for_each(|channel| asked(Family::Windows.name(), channel));
                    }
                }
            }
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn knows_the_logs_that_are_read() {
        assert_eq!(route("exchange", "", "httpproxy"), Some(Route::Rows(Family::HttpProxy)));
        assert_eq!(route("exchange", "", "test-proxylogon"), Some(Route::Rows(Family::TestProxyLogon)));
        assert_eq!(route("exchange", "", "pop3"), Some(Route::Rows(Family::Pop)));
        assert_eq!(route("exchange", "", "file"), Some(Route::Files));
        assert_eq!(route("exchange", "", "configuration"), Some(Route::Configuration));
        assert_eq!(route("windows", "", "registry"), Some(Route::Registry));
        assert!(matches!(route("windows", "registry_set", ""), Some(Route::EventsAndRegistry(_))));
        assert!(matches!(route("windows", "registry_set", "sysmon"), Some(Route::Events(_))));
        assert_eq!(route("", "webserver", ""), Some(Route::Rows(Family::Iis)));
        let Some(Route::Events(scopes)) = route("windows", "process_creation", "") else {
            panic!("process creation is read from two logs");
        };
        assert_eq!(
            scopes.iter().map(|scope| (scope.event_ids, scope.renamed)).collect::<Vec<_>>(),
            [(Some(&[1][..]), false), (Some(&[4688][..]), true)]
        );
        assert!(route("windows", "process_creation", "sysmon").is_some());
        assert!(super::CATEGORIES.iter().all(|(_, log, _)| super::LOGS.iter().any(|known| known.service == *log)));
    }

    #[test]
    fn refuses_the_others() {
        for (product, category, service) in [
            ("", "", ""),
            ("exchange", "", ""),
            ("exchange", "", "windows"),
            ("exchange", "", "httperr"),
            ("exchange", "", "unknown"),
            ("linux", "process_creation", ""),
            ("windows", "file_access", ""),
            ("windows", "", "unknown"),
            ("windows", "process_creation", "application"),
            ("apache", "webserver", ""),
            ("", "proxy", ""),
        ] {
            assert_eq!(route(product, category, service), None, "{product} {category} {service}");
        }
    }
}
