//! Files beside the logs: pages of the web folders, what attackers left, and the history of setup.

use std::fs;
use std::io;
use std::path::Path;

use crate::configuration;
use crate::plan::{Plan, Planted};
use crate::server::EXCHANGE;
use crate::setting::Installation;
use crate::time::MINUTE;

/// Pages that lie on every server. Ours only have their names: the product's text is not ours to copy.
const PAGES: [&str; 4] =
    ["owa/auth/logon.aspx", "owa/auth/logoff.aspx", "owa/auth/errorFE.aspx", "ecp/auth/TimeoutLogout.aspx"];
const PAGE: &str = "<%@ Page Language=\"c#\" AutoEventWireup=\"false\" %>\r\n<%-- placeholder with the name of a page of Exchange Server --%>\r\n<!DOCTYPE html>\r\n<html><head><title>Outlook</title></head><body></body></html>\r\n";
const REPORT: &str = "<%@ Page Language=\"C#\" AutoEventWireup=\"false\" %>\r\n<!DOCTYPE html>\r\n<html><head><title>Report</title></head><body><h1>Report</h1><p>Sales by region.</p></body></html>\r\n";

/// All files below `OUT/EXC01`: what lies on every server, then what the story leaves there, which goes before.
pub(crate) fn all(plan: &Plan) -> Vec<Planted> {
    let file = |path: String, content: &str| Planted { path, content: content.as_bytes().to_vec() };
    let mut files: Vec<Planted> =
        PAGES.iter().map(|page| file(format!("C/{EXCHANGE}/FrontEnd/HttpProxy/{page}"), PAGE)).collect();
    files.push(file("C/inetpub/wwwroot/intranet/report.aspx".to_owned(), REPORT));
    files.push(file("C/inetpub/wwwroot/iisstart.htm".to_owned(), "<html><head><title>IIS</title></head></html>\r\n"));
    files.push(file(
        "C/inetpub/wwwroot/aspnet_client/system_web/4_0_30319/WebUIValidation.js".to_owned(),
        "// placeholder\r\n",
    ));
    files.push(file(
        "C/Windows/System32/inetsrv/config/applicationHost.config".to_owned(),
        &configuration::application_host(&plan.modules),
    ));
    // IIS keeps older copies; the last one is from before the story.
    files.push(file(
        "C/inetpub/history/CFGHISTORY_0000000011/applicationHost.config".to_owned(),
        &configuration::application_host(&[]),
    ));
    files.push(Planted { path: "C/Windows/System32/Tasks/Fabrikam Backup".to_owned(), content: configuration::task() });
    files.push(file(
        format!("C/{EXCHANGE}/TransportRoles/Shared/agents.config"),
        &configuration::transport_agents(&plan.agents),
    ));
    files.push(Planted { path: "C/ExchangeSetupLogs/ExchangeSetup.log".to_owned(), content: setup(plan) });
    files.retain(|file| plan.planted.iter().all(|planted| planted.path != file.path));
    files.extend_from_slice(&plan.planted);
    files
}

/// Writes a file and the folders above it.
pub(crate) fn write(root: &Path, file: &Planted) -> io::Result<()> {
    let path = root.join(&file.path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, &file.content)
}

/// Cumulative updates stand here; security updates do not.
fn setup(plan: &Plan) -> Vec<u8> {
    let product = if plan.builds[0].dotted.starts_with("15.2.") { "2019" } else { "2016" };
    let mut text = String::new();
    for installation in &plan.setup {
        run(&mut text, product, installation);
    }
    text.into_bytes()
}

fn run(text: &mut String, product: &str, installation: &Installation) {
    let Installation { at, update, version, before } = *installation;
    let stars = "**********************************************";
    let (mode, kind) = if before.is_empty() { ("Install", "Install") } else { ("Upgrade", "BuildToBuildUpgrade") };
    let mut lines = vec![
        (0, stars.to_owned()),
        (0, format!("Starting Microsoft Exchange Server {product} Setup")),
        (0, stars.to_owned()),
        (15, "Local time zone: (UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna.".to_owned()),
        (15, "Operating system version: Microsoft Windows NT 6.2.9200.0.".to_owned()),
        (15, format!("Setup version: {version}.")),
        (15, r"Logged on user: CONTOSO\it.admin.".to_owned()),
        (62, format!(r"Command Line Parameter Name='sourcedir', Value='C:\install\{update}'.")),
        (62, format!("Command Line Parameter Name='mode', Value='{mode}'.")),
        (9_400, format!("The installation mode is set to: '{kind}'.")),
    ];
    if !before.is_empty() {
        lines.push((14_100, format!("The locally installed version is {before}.")));
        lines.push((
            14_100,
            r"Exchange Installation Directory : 'C:\Program Files\Microsoft\Exchange Server\V15'.".to_owned(),
        ));
    }
    lines.push((61 * MINUTE, "CurrentResult setupbase.maincore:396: 0".to_owned()));
    lines.push((61 * MINUTE, "End of Setup".to_owned()));
    lines.push((61 * MINUTE, stars.to_owned()));
    for (wait, line) in lines {
        text.push_str(&format!("[{}] [0] {line}\r\n", at.plus(wait).setup()));
    }
}
