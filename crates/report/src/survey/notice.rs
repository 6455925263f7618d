//! The letter to an owner or a national team, in English and German. Our words, with numbers and neutralised text.

use model::Utc;
use model::survey::Interval;

use super::{day, interval};
use crate::hostile::ForTerminal;

/// What a letter says.
pub struct Notice<'n> {
    /// Whom the servers belong to: `AS64500`.
    pub constituency: &'n str,
    /// The file beside it.
    pub file: &'n str,
    /// Servers, open at least and at most.
    pub open: Interval,
    /// Day of the run.
    pub day: Option<Utc>,
    /// Day up to which builds and holes were known.
    pub data: Option<Utc>,
}

/// Characters of a name in a letter.
const NAME_CHARS: usize = 80;

/// In English.
#[must_use]
pub fn english(notice: &Notice<'_>) -> String {
    format!(
        "Subject: Exchange servers that appear to be open to known attacks: {name:.NAME_CHARS$}\n\n\
         Dear colleagues,\n\n\
         on {day} we looked at Exchange servers from outside. Of addresses in your responsibility, {open} appear to be\n\
         open to known attacks: the version suggests it. The list is in {file}, in the columns of Shadowserver's report.\n\n\
         severity \"high\": the version suggests that an update is missing.\n\
         severity \"medium\": the version does not show which update is installed; the server is possibly open.\n\
         A mitigation that closes a hole cannot be seen from outside. We asked for public pages only, did not log on and\n\
         did not try any attack. Builds and holes are those known up to {data}.\n\n\
         What to do: install the current update. A server that was open for long may have been broken into already:\n\
         look at it before and after updating.\n\n\
         If you want us not to look at your addresses, answer this message.\n",
        name = ForTerminal(notice.constituency),
        day = day(notice.day),
        open = interval(notice.open),
        file = notice.file,
        data = day(notice.data),
    )
}

/// In German.
#[must_use]
pub fn german(notice: &Notice<'_>) -> String {
    format!(
        "Betreff: Exchange-Server, die für bekannte Angriffe offen erscheinen: {name:.NAME_CHARS$}\n\n\
         Guten Tag,\n\n\
         am {day} haben wir Exchange-Server von außen betrachtet. Von den Adressen in Ihrer Zuständigkeit erscheinen {open}\n\
         offen für bekannte Angriffe: Die Version legt es nahe. Die Liste steht in {file}, in den Spalten des Berichts von\n\
         Shadowserver.\n\n\
         severity \"high\": Die Version legt nahe, dass ein Update fehlt.\n\
         severity \"medium\": Die Version zeigt nicht, welches Update eingespielt ist; der Server ist möglicherweise offen.\n\
         Eine Maßnahme, die eine Lücke ohne Update schließt, ist von außen nicht zu sehen. Wir haben nur öffentliche Seiten\n\
         abgerufen, uns nicht angemeldet und keinen Angriff versucht. Versionen und Lücken sind die bis {data} bekannten.\n\n\
         Was zu tun ist: Spielen Sie das aktuelle Update ein. In einen Server, der lange offen war, kann schon eingebrochen\n\
         worden sein: Untersuchen Sie ihn vor und nach dem Update.\n\n\
         Wenn wir Ihre Adressen nicht mehr betrachten sollen, antworten Sie auf diese Nachricht.\n",
        name = ForTerminal(notice.constituency),
        day = day(notice.day),
        open = interval(notice.open).replace(',', ".").replace(" to ", " bis "),
        file = notice.file,
        data = day(notice.data),
    )
}
