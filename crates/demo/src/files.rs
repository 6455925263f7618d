//! Files beside the logs: pages of the web folders, what attackers left, and the history of setup.

use std::fs;
use std::io;
use std::path::Path;

use crate::Scenario;
use crate::plan::Planted;
use crate::server::EXCHANGE;
use crate::time::{MINUTE, Time};

/// Pages that lie on every server. Ours only have their names: the product's text is not ours to copy.
const PAGES: [&str; 4] =
    ["owa/auth/logon.aspx", "owa/auth/logoff.aspx", "owa/auth/errorFE.aspx", "ecp/auth/TimeoutLogout.aspx"];
const PAGE: &str = "<%@ Page Language=\"c#\" AutoEventWireup=\"false\" %>\r\n<%-- placeholder with the name of a page of Exchange Server --%>\r\n<!DOCTYPE html>\r\n<html><head><title>Outlook</title></head><body></body></html>\r\n";
const REPORT: &str = "<%@ Page Language=\"C#\" AutoEventWireup=\"false\" %>\r\n<!DOCTYPE html>\r\n<html><head><title>Report</title></head><body><h1>Report</h1><p>Sales by region.</p></body></html>\r\n";

/// Files that a scenario leaves below `OUT/EXC01`.
pub(crate) fn all(scenario: Scenario, planted: &[Planted]) -> Vec<Planted> {
    let file = |path: String, content: &str| Planted { path, content: content.as_bytes().to_vec() };
    let mut files: Vec<Planted> =
        PAGES.iter().map(|page| file(format!("C/{EXCHANGE}/FrontEnd/HttpProxy/{page}"), PAGE)).collect();
    files.push(file("C/inetpub/wwwroot/intranet/report.aspx".to_owned(), REPORT));
    files.push(file("C/inetpub/wwwroot/iisstart.htm".to_owned(), "<html><head><title>IIS</title></head></html>\r\n"));
    files.push(file(
        "C/inetpub/wwwroot/aspnet_client/system_web/4_0_30319/WebUIValidation.js".to_owned(),
        "// placeholder\r\n",
    ));
    files.push(Planted { path: "C/ExchangeSetupLogs/ExchangeSetup.log".to_owned(), content: setup(scenario) });
    files.extend_from_slice(planted);
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
fn setup(scenario: Scenario) -> Vec<u8> {
    let mut text = String::new();
    if scenario == Scenario::ProxyShell {
        upgrade(&mut text, Time::day(2021, 1, 16).at(6, 2, 11), ("CU19", "15.1.2176.2"), "15.1.2106.2");
        upgrade(&mut text, Time::day(2021, 8, 21).at(1, 22, 40), ("CU21", "15.1.2308.8"), "15.1.2176.9");
    } else {
        upgrade(&mut text, Time::day(2020, 9, 26).at(5, 40, 32), ("CU18", "15.1.2106.2"), "15.1.2044.4");
    }
    text.into_bytes()
}

fn upgrade(text: &mut String, at: Time, (update, version): (&str, &str), before: &str) {
    let stars = "**********************************************";
    let lines = [
        (0, stars.to_owned()),
        (0, "Starting Microsoft Exchange Server 2016 Setup".to_owned()),
        (0, stars.to_owned()),
        (15, "Local time zone: (UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna.".to_owned()),
        (15, "Operating system version: Microsoft Windows NT 6.2.9200.0.".to_owned()),
        (15, format!("Setup version: {version}.")),
        (15, r"Logged on user: CONTOSO\it.admin.".to_owned()),
        (62, format!(r"Command Line Parameter Name='sourcedir', Value='C:\install\{update}'.")),
        (62, "Command Line Parameter Name='mode', Value='Upgrade'.".to_owned()),
        (9_400, "The installation mode is set to: 'BuildToBuildUpgrade'.".to_owned()),
        (14_100, format!("The locally installed version is {before}.")),
        (14_100, r"Exchange Installation Directory : 'C:\Program Files\Microsoft\Exchange Server\V15'.".to_owned()),
        (61 * MINUTE, "CurrentResult setupbase.maincore:396: 0".to_owned()),
        (61 * MINUTE, "End of Setup".to_owned()),
        (61 * MINUTE, stars.to_owned()),
    ];
    for (wait, line) in lines {
        text.push_str(&format!("[{}] [0] {line}\r\n", at.plus(wait).setup()));
    }
}
