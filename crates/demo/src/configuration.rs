//! Configuration files of the web server and of transport, in short: which modules and agents are loaded; and a task.
//!
//! Names and paths of what belongs there follow the configuration files among the test data of microsoft/CSS-Exchange
//! (MIT) and Microsoft's documentation of `agents.config`.

/// A native module of the web server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) image: &'static str,
}

/// An agent of transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransportAgent {
    pub(crate) name: &'static str,
    /// `Routing` or `Smtp`.
    pub(crate) kind: &'static str,
    pub(crate) factory: &'static str,
    pub(crate) assembly: &'static str,
}

/// Modules of Windows below `System32\inetsrv`.
const WINDOWS_MODULES: [(&str, &str); 16] = [
    ("HttpLoggingModule", "loghttp.dll"),
    ("UriCacheModule", "cachuri.dll"),
    ("FileCacheModule", "cachfile.dll"),
    ("TokenCacheModule", "cachtokn.dll"),
    ("HttpCacheModule", "cachhttp.dll"),
    ("DynamicCompressionModule", "compdyn.dll"),
    ("StaticCompressionModule", "compstat.dll"),
    ("DefaultDocumentModule", "defdoc.dll"),
    ("HttpRedirectionModule", "redirect.dll"),
    ("StaticFileModule", "static.dll"),
    ("AnonymousAuthenticationModule", "authanon.dll"),
    ("BasicAuthenticationModule", "authbas.dll"),
    ("WindowsAuthenticationModule", "authsspi.dll"),
    ("RequestFilteringModule", "modrqflt.dll"),
    ("CustomErrorModule", "custerr.dll"),
    ("IsapiModule", "isapi.dll"),
];

/// Modules of Exchange and of products beside it that nobody has to wonder about.
const OTHER_MODULES: [Module; 4] = [
    Module { name: "RewriteModule", image: r"%SystemRoot%\system32\inetsrv\rewrite.dll" },
    Module {
        name: "cafe_exppw",
        image: r"C:\Program Files\Microsoft\Exchange Server\V15\FrontEnd\HttpProxy\bin\exppw.dll",
    },
    Module { name: "AspNetCoreModuleV2", image: r"%ProgramFiles%\IIS\Asp.Net Core Module\V2\aspnetcorev2.dll" },
    Module { name: "FabrikamWebScan", image: r"C:\Program Files\Fabrikam\Endpoint Protection\iisscan64.dll" },
];

const EXCHANGE_AGENTS: [(&str, &str, &str, &str); 5] = [
    (
        "Transport Rule Agent",
        "Routing",
        "Microsoft.Exchange.MessagingPolicies.TransportRuleAgent.TransportRuleAgentFactory",
        r"Rule\Microsoft.Exchange.MessagingPolicies.TransportRuleAgent.dll",
    ),
    (
        "DLP Policy Agent",
        "Routing",
        "Microsoft.Exchange.MessagingPolicies.DlpPolicyAgent.DlpPolicyAgentFactory",
        r"Rule\Microsoft.Exchange.MessagingPolicies.TransportRuleAgent.dll",
    ),
    (
        "Journaling Agent",
        "Routing",
        "Microsoft.Exchange.MessagingPolicies.Journaling.JournalAgentFactory",
        r"Journaling\Microsoft.Exchange.MessagingPolicies.JournalAgent.dll",
    ),
    (
        "Malware Agent",
        "Routing",
        "Microsoft.Exchange.Transport.Agent.Malware.MalwareAgentFactory",
        r"Antimalware\Microsoft.Exchange.Transport.Agent.Malware.dll",
    ),
    (
        "System Probe Drop Smtp Agent",
        "Smtp",
        "Microsoft.Exchange.Transport.Agent.SystemProbeDrop.SystemProbeDropSmtpAgentFactory",
        r"SystemProbeDrop\Microsoft.Exchange.Transport.Agent.SystemProbeDrop.dll",
    ),
];

/// An agent that adds a disclaimer to mail, bought years ago.
const DISCLAIMER: TransportAgent = TransportAgent {
    name: "Fabrikam Disclaimer",
    kind: "Routing",
    factory: "Fabrikam.Disclaimer.RoutingAgentFactory",
    assembly: r"C:\Program Files\Fabrikam\Disclaimer\Fabrikam.Disclaimer.Agent.dll",
};

/// `applicationHost.config` with these modules beside the usual ones.
pub(crate) fn application_host(modules: &[Module]) -> String {
    let usual = WINDOWS_MODULES.iter().map(|(name, file)| (*name, format!(r"%windir%\System32\inetsrv\{file}")));
    let others = OTHER_MODULES.iter().chain(modules).map(|module| (module.name, module.image.to_owned()));
    let all: Vec<(&str, String)> = usual.chain(others).collect();
    let lines = |line: &dyn Fn(&(&str, String)) -> String| all.iter().map(line).collect::<String>();
    let global = lines(&|(name, image)| format!("            <add name=\"{name}\" image=\"{image}\" />\r\n"));
    let used = lines(&|(name, _)| format!("                <add name=\"{name}\" lockItem=\"true\" />\r\n"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<configuration>\r\n    <system.applicationHost>\r\n{SITES}    \
         </system.applicationHost>\r\n    <system.webServer>\r\n        <globalModules>\r\n{global}        \
         </globalModules>\r\n        <httpLogging dontLog=\"false\" />\r\n    </system.webServer>\r\n    <location \
         path=\"\" overrideMode=\"Allow\">\r\n        <system.webServer>\r\n            <modules>\r\n{used}            \
         </modules>\r\n        </system.webServer>\r\n    </location>\r\n</configuration>\r\n"
    )
}

const SITES: &str = "        <sites>\r\n            \
    <site name=\"Default Web Site\" id=\"1\" serverAutoStart=\"true\">\r\n                \
    <application path=\"/\">\r\n                    \
    <virtualDirectory path=\"/\" physicalPath=\"%SystemDrive%\\inetpub\\wwwroot\" />\r\n                \
    </application>\r\n                \
    <application path=\"/owa\" applicationPool=\"MSExchangeOWAAppPool\">\r\n                    \
    <virtualDirectory path=\"/\" physicalPath=\"C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\owa\" />\r\n                \
    </application>\r\n            </site>\r\n            \
    <site name=\"Exchange Back End\" id=\"2\" serverAutoStart=\"true\">\r\n                \
    <application path=\"/owa\" applicationPool=\"MSExchangeOWAAppPool\">\r\n                    \
    <virtualDirectory path=\"/\" physicalPath=\"C:\\Program Files\\Microsoft\\Exchange Server\\V15\\ClientAccess\\owa\" />\r\n                \
    </application>\r\n            </site>\r\n        </sites>\r\n";

/// A scheduled task of a product, in UTF-16 as Windows keeps it.
pub(crate) fn task() -> Vec<u8> {
    const TASK: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n\
        <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n  \
        <RegistrationInfo><Author>Fabrikam</Author><URI>\\Fabrikam Backup</URI></RegistrationInfo>\r\n  \
        <Triggers><CalendarTrigger><StartBoundary>2019-01-01T22:00:00</StartBoundary></CalendarTrigger></Triggers>\r\n  \
        <Principals><Principal id=\"Author\"><UserId>S-1-5-18</UserId></Principal></Principals>\r\n  \
        <Actions Context=\"Author\"><Exec><Command>C:\\Program Files\\Fabrikam\\Backup\\backup.exe</Command>\
        <Arguments>/nightly</Arguments></Exec></Actions>\r\n</Task>\r\n";
    TASK.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// `agents.config` with these agents beside the usual ones.
pub(crate) fn transport_agents(agents: &[TransportAgent]) -> String {
    let line = |name: &str, kind: &str, factory: &str, assembly: &str| {
        format!(
            "      <agent name=\"{name}\" baseType=\"Microsoft.Exchange.Data.Transport.{kind}.{kind}Agent\" \
             classFactory=\"{factory}\" assemblyPath=\"{assembly}\" enabled=\"true\" />\r\n"
        )
    };
    let mut lines = String::new();
    for (name, kind, factory, file) in EXCHANGE_AGENTS {
        let assembly = format!(r"C:\Program Files\Microsoft\Exchange Server\V15\TransportRoles\agents\{file}");
        lines.push_str(&line(name, kind, factory, &assembly));
    }
    for agent in [DISCLAIMER].iter().chain(agents) {
        lines.push_str(&line(agent.name, agent.kind, agent.factory, agent.assembly));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n  <mexRuntime>\r\n    <agentList>\r\n{lines}    \
         </agentList>\r\n  </mexRuntime>\r\n</configuration>\r\n"
    )
}
