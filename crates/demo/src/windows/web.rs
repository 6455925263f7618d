//! Events of the web applications: the control panel, ASP.NET, the configuration of IIS.

use std::io;

use super::{Channel, event};
use crate::server::Server;
use crate::time::Time;

/// A request that the control panel could not answer.
pub(crate) fn control_panel_failed(
    server: &mut Server,
    at: Time,
    user: &str,
    url: &str,
    error: &str,
) -> io::Result<()> {
    let message = format!(
        "Current user: 'contoso.example/Users/{user}'\r\nRequest for URL '{url}' failed with the following error:\r\n{error}"
    );
    event(server, at, Channel::ControlPanel, 4, &message, &[])
}

/// Hidden state of a page that did not fit its key.
pub(crate) struct ViewState<'a> {
    /// `/owa`.
    pub(crate) application: &'a str,
    /// `/owa/auth/logon.aspx`.
    pub(crate) page: &'a str,
    pub(crate) client: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) state: &'a str,
}

/// ASP.NET refuses it. The text follows the events of ASP.NET 2.0 to 4.8.
pub(crate) fn view_state_refused(server: &mut Server, at: Time, view: &ViewState<'_>) -> io::Result<()> {
    let message = format!(
        "Event code: 4009 \r\nEvent message: Viewstate verification failed. Reason: The viewstate supplied failed \
         integrity check. \r\nEvent time (UTC): {} \r\nEvent detail code: 50203 \r\n \r\nApplication information: \r\n    \
         Application Virtual Path: {} \r\n    Machine name: {} \r\n \r\nProcess information: \r\n    Process name: \
         w3wp.exe \r\n    Account name: NT AUTHORITY\\SYSTEM \r\n \r\nRequest information: \r\n    Request URL: \
         https://mail.contoso.example:443{} \r\n    Request path: {} \r\n    User host address: {} \r\n    Is \
         authenticated: False \r\n \r\nViewStateException information: \r\n    Exception message: Invalid viewstate. \
         \r\n    Client IP: {} \r\n    User-Agent: {} \r\n    PersistedState: {} \r\n    Path: {} \r\n",
        at.readable(),
        view.application,
        server.identity.name,
        view.page,
        view.page,
        view.client,
        view.client,
        view.agent,
        view.state,
        view.page,
    );
    event(server, at, Channel::AspNet, 1316, &message, &[])
}

/// A change of the configuration of IIS, where its log is switched on.
pub(crate) fn configured(server: &mut Server, at: Time, setting: &str, value: &str) -> io::Result<()> {
    let message = format!("Changes to '{setting}' at 'MACHINE/WEBROOT/APPHOST' have successfully been committed.");
    let fields = [
        ("EditOperationType", "1"),
        ("ConfigPath", "MACHINE/WEBROOT/APPHOST"),
        ("Configuration", setting),
        ("OldValue", ""),
        ("NewValue", value),
        ("User", r"NT AUTHORITY\SYSTEM"),
    ];
    event(server, at, Channel::IisConfiguration, 29, &message, &fields)
}
