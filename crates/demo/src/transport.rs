//! Mail on its way: message tracking and the SMTP protocol log.

use std::io;

use crate::random::Guid;
use crate::row::Row;
use crate::server::Server;
use crate::time::Time;

const COLUMNS: usize = 30;

/// One message.
pub(crate) struct Message<'a> {
    pub(crate) sender: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) subject: &'a str,
    /// The sending system, for mail from outside.
    pub(crate) client: &'a str,
    pub(crate) bytes: i64,
}

/// Mail from outside: the SMTP session, its receipt and its delivery.
pub(crate) fn received(server: &mut Server, at: Time, message: &Message<'_>) -> io::Result<()> {
    session(server, at, message)?;
    let id = server.random.guid();
    track(server, Folder::Transport, at.plus(420), ("SMTP", "RECEIVE", "Incoming"), message, id)?;
    track(server, Folder::Delivery, at.plus(610), ("STOREDRIVER", "DELIVER", "Incoming"), message, id)
}

/// Mail of a user of ours.
pub(crate) fn submitted(server: &mut Server, at: Time, message: &Message<'_>) -> io::Result<()> {
    let id = server.random.guid();
    track(server, Folder::Submission, at, ("STOREDRIVER", "SUBMIT", "Originating"), message, id)?;
    track(server, Folder::Transport, at.plus(180), ("STOREDRIVER", "RECEIVE", "Originating"), message, id)?;
    track(server, Folder::Transport, at.plus(700), ("SMTP", "SENDEXTERNAL", "Originating"), message, id)
}

/// Mail that an inbox rule sends on to outside.
pub(crate) fn redirected(server: &mut Server, at: Time, message: &Message<'_>) -> io::Result<()> {
    let id = server.random.guid();
    track(server, Folder::Transport, at, ("MAILBOXRULE", "RECEIVE", "Originating"), message, id)?;
    track(server, Folder::Transport, at.plus(520), ("SMTP", "SENDEXTERNAL", "Originating"), message, id)
}

enum Folder {
    Transport,
    Delivery,
    Submission,
}

fn track(
    server: &mut Server,
    folder: Folder,
    at: Time,
    (source, event, direction): (&str, &str, &str),
    message: &Message<'_>,
    id: Guid,
) -> io::Result<()> {
    let build = server.identity.build(at);
    let internal = server.random.below(40_000_000) as i64;
    let log_id = server.random.guid();
    let identity = &server.identity;
    let log = match folder {
        Folder::Transport => &mut server.logs.tracking,
        Folder::Delivery => &mut server.logs.delivery,
        Folder::Submission => &mut server.logs.submission,
    };
    let mut row = Row::new(log.line(at, build)?);
    row.time(at).plain(message.client).plain(&identity.host).plain(&identity.address).plain(&identity.name);
    row.empty(1);
    let connector = row.cell();
    if source == "SMTP" && event == "RECEIVE" {
        connector.extend_from_slice(identity.name.as_bytes());
        connector.extend_from_slice(b"\\Default Frontend");
    }
    row.plain(source).plain(event).number(internal);
    let cell = row.cell();
    cell.push(b'<');
    id.push(cell);
    cell.extend_from_slice(b"@contoso.example>");
    row.guid(id).plain(message.recipient).plain("250 2.1.5 Recipient OK").number(message.bytes).number(1).empty(2);
    row.text(message.subject).plain(message.sender).plain(message.sender).plain("04I: ").plain(direction).empty(1);
    row.plain(message.client)
        .plain(&identity.address)
        .plain("S:DeliveryPriority=Normal;S:AccountForest=contoso.example");
    row.plain("Email").guid(log_id).plain(&build.padded);
    row.end(COLUMNS);
    Ok(())
}

fn session(server: &mut Server, at: Time, message: &Message<'_>) -> io::Result<()> {
    let identity = &server.identity;
    let connector = format!("{0}\\Default Frontend {0}", identity.name);
    let name = format!("08D8{:012X}", server.random.below(1 << 48));
    let local = format!("{}:25", identity.address);
    let remote = format!("{}:{}", message.client, server.random.between(20_000, 65_000));
    let lines = [
        ('+', String::new(), ""),
        ('>', format!("220 {} Microsoft ESMTP MAIL Service, ready", identity.host), ""),
        ('<', format!("EHLO [{}]", message.client), ""),
        ('>', format!("250  {} Hello [{}] SIZE 37748736 STARTTLS", identity.host, message.client), ""),
        ('<', format!("MAIL FROM:<{}> SIZE={}", message.sender, message.bytes), ""),
        ('*', format!("{name};{}", at.iso()), "receiving message"),
        ('<', format!("RCPT TO:<{}>", message.recipient), ""),
        ('>', "250 2.6.0 Queued mail for delivery".to_owned(), ""),
        ('-', String::new(), "Remote"),
    ];
    for (number, (event, data, context)) in lines.iter().enumerate() {
        let at = at.plus(number as i64 * 40);
        let mut row = Row::new(server.logs.smtp.line(at, server.identity.build(at))?);
        row.time(at).plain(&connector).plain(&name).number(number as i64).plain(&local).plain(&remote);
        row.plain(event.encode_utf8(&mut [0; 4])).text(data).text(context).end(9);
    }
    Ok(())
}
