//! A web shell that is no web shell: where it would lie, who would call it, what it would start.
//!
//! The files are inert: they have the shape of the real ones and no code.

use std::io;

use crate::plan::Plan;
use crate::server::{Agent, Protocol, Request, Server};
use crate::time::Time;
use crate::windows::{self, Process};

/// What stands where the code of a real one would.
pub(crate) const MARKER: &str = "<script language=\"JScript\" runat=\"server\">/* inert sample: no code */</script>";

const OWA_POOL: &str = "MSExchangeOWAAppPool";

/// A search engine's name, behind which clients of web shells like to hide.
pub(crate) const SPIDER: &str = "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)";

/// A page of an attacker.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    /// `/owa/auth/outlookus.aspx`.
    pub(crate) url: &'static str,
    /// Below the drive, with slashes.
    pub(crate) file: &'static str,
    /// The front-end proxy records pages below its own folders only.
    pub(crate) protocol: Option<Protocol>,
    /// What its client calls itself.
    pub(crate) agent: &'static str,
}

impl Shell {
    /// `C:\Program Files\…`.
    pub(crate) fn windows_path(&self) -> String {
        format!("C:\\{}", self.file.replace('/', "\\"))
    }

    pub(crate) fn pool(&self) -> &'static str {
        if self.protocol.is_some() { OWA_POOL } else { "DefaultAppPool" }
    }
}

/// A call of the page, and the command that it starts, if it starts one.
pub(crate) fn call(plan: &mut Plan, at: Time, shell: &Shell, client: &'static str, command: Option<&'static str>) {
    let page = shell.clone();
    plan.step(at, move |server, at| {
        request(server, at, &page, client, 200)?;
        match command {
            Some(command) => start(server, at.plus(60), page.pool(), command),
            None => Ok(()),
        }
    });
    let what = command.map_or(String::new(), |command| format!(", which runs: {command}"));
    plan.tell(at, format!("{client} calls {}{what}", shell.url));
}

/// A call that finds nothing any more.
pub(crate) fn call_in_vain(plan: &mut Plan, at: Time, shell: &Shell, client: &'static str) {
    let page = shell.clone();
    plan.step(at, move |server, at| request(server, at, &page, client, 404));
    plan.tell(at, format!("{client} calls {}, answered 404", shell.url));
}

fn request(server: &mut Server, at: Time, shell: &Shell, client: &str, status: u16) -> io::Result<()> {
    let agent = Agent::new(shell.agent);
    let bytes = (server.random.between(900, 2_400), server.random.between(1_900, 6_000));
    let milliseconds = server.random.between(90, 700) as i64;
    let request =
        Request { client, status, bytes, milliseconds, ..Request::new(shell.protocol, "POST", shell.url, &agent) };
    server.web(at, &request).map(|_| ())
}

/// A worker process runs a command that no request for a page explains.
pub(crate) fn worker_runs(plan: &mut Plan, at: Time, pool: &'static str, command: &'static str) {
    plan.step(at, move |server, at| start(server, at, pool, command));
    plan.tell(at, format!("the worker process of {pool} runs: {command}"));
}

/// The worker process of the web server starts a command interpreter.
fn start(server: &mut Server, at: Time, pool: &str, command: &str) -> io::Result<()> {
    let process = Process {
        parent: WORKER,
        parent_line: &worker_line(pool),
        image: r"C:\Windows\System32\cmd.exe",
        line: command,
    };
    let number = windows::process(server, at, &process)?;
    // Other commands are those of the interpreter itself.
    let Some(line) = command.strip_prefix("\"cmd\" /c ") else { return Ok(()) };
    let tool = line.split(' ').next().unwrap_or_default();
    if !matches!(tool, "whoami" | "nltest" | "tasklist") {
        return Ok(());
    }
    let image = format!("C:\\Windows\\System32\\{tool}.exe");
    let process = Process { parent: r"C:\Windows\System32\cmd.exe", parent_line: command, image: &image, line };
    windows::child(server, at.plus(30), &process, number)
}

/// The worker process of the web server.
pub(crate) const WORKER: &str = r"C:\Windows\System32\inetsrv\w3wp.exe";

/// Its command line.
pub(crate) fn worker_line(pool: &str) -> String {
    format!(
        "c:\\windows\\system32\\inetsrv\\w3wp.exe -ap \"{pool}\" -v \"v4.0\" -l \"webengine4.dll\" \
         -a \\\\.\\pipe\\iisipm7f1c -h \"C:\\inetpub\\temp\\apppools\\{pool}\\{pool}.config\" -w \"\" -m 0"
    )
}

/// The page that a reset of the address book's virtual directory leaves: its properties, one a line.
pub(crate) fn directory_dump(host: &str, build: &str) -> Vec<u8> {
    let short = host.split('.').next().unwrap_or(host);
    let lines = [
        "Name                            : OAB (Default Web Site)".to_owned(),
        "PollInterval                    : 480".to_owned(),
        "OfflineAddressBooks             : ".to_owned(),
        "RequireSSL                      : True".to_owned(),
        "BasicAuthentication             : False".to_owned(),
        "WindowsAuthentication           : True".to_owned(),
        "OAuthAuthentication             : True".to_owned(),
        format!("MetabasePath                    : IIS://{host}/W3SVC/1/ROOT/OAB"),
        r"Path                            : C:\Program Files\Microsoft\Exchange Server\V15\FrontEnd\HttpProxy\OAB"
            .to_owned(),
        "ExtendedProtectionTokenChecking : None".to_owned(),
        "ExtendedProtectionFlags         : ".to_owned(),
        "ExtendedProtectionSPNList       : ".to_owned(),
        format!("AdminDisplayVersion             : {build}"),
        format!("Server                          : {short}"),
        format!("InternalUrl                     : https://{}/OAB", host.to_lowercase()),
        "InternalAuthenticationMethods   : WindowsIntegrated".to_owned(),
        format!("ExternalUrl                     : http://f/{MARKER}"),
        "ExternalAuthenticationMethods   : WindowsIntegrated".to_owned(),
        "AdminDisplayName                : ".to_owned(),
        "ExchangeVersion                 : 0.10 (14.0.100.0)".to_owned(),
        "Guid                            : 5f2a7b1c-94c3-4d1e-8f0a-6b7c8d9e0f1a".to_owned(),
        "ObjectClass                     : top".to_owned(),
        "                                  msExchVirtualDirectory".to_owned(),
        "                                  msExchOABVirtualDirectory".to_owned(),
        "WhenChanged                     : 3/3/2021 4:41:19 AM".to_owned(),
        "IsValid                         : True".to_owned(),
    ];
    let mut text = lines.join("\r\n");
    text.push_str("\r\n");
    text.into_bytes()
}

/// The page that a mailbox export leaves: the head of a personal folder file, then text.
pub(crate) fn mailbox_export() -> Vec<u8> {
    let mut content = b"!BDN".to_vec();
    content.resize(512, 0);
    content.extend_from_slice(MARKER.as_bytes());
    content.resize(1_024, 0);
    content
}
