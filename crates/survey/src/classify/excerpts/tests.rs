//! What is cut out of bodies.

use super::{EXCERPT_BYTES_MAX, EXCERPTS_MAX, excerpts};

fn check(body: &str, expected: &[&str]) {
    assert_eq!(excerpts(body.as_bytes()), expected, "{body}");
}

#[test]
fn a_logon_page_since_2013() {
    let body = "<!-- OwaPage = ASP.auth_logon_aspx -->\r\n<!-- {57A118C6-2DA9-419d-BE9A-F92B0F9A418B} -->\n\
        <link rel=\"shortcut icon\" href=\"/owa/auth/15.2.858/themes/resources/favicon.ico\">\
        <title>Outlook</title> url(\"/owa/auth/15.2.858/themes/a.ttf\")";
    check(
        body,
        &[
            "OwaPage = ASP.auth_logon_aspx",
            "{57A118C6-2DA9-419d-BE9A-F92B0F9A418B}",
            "/owa/auth/15.2.858/",
            "<title>Outlook",
        ],
    );
}

#[test]
fn older_pages() {
    check("href=\"/owa/14.3.123.3/themes/x.css\"", &["/owa/14.3.123.3/"]);
    check("<span id=owaVersion>8.3.83.4</span>", &["owaVersion 8.3.83.4"]);
    check(
        "<!-- 2653.23 -->\nfor Microsoft (R) Exchange Server 2007",
        &["<!-- 2653.23 -->", "for Microsoft (R) Exchange Server 2007"],
    );
    check("<!-- a comment --><!-- 12 -->", &[]);
}

#[test]
fn a_link_to_another_host_keeps_it() {
    check("src='https://Mail.Victim.test/owa/14.3.123.3/x.gif'", &["//mail.victim.test/owa/14.3.123.3/"]);
    check("src=//192.0.2.7:8443/owa/auth/15.1.2507/x", &["//192.0.2.7:8443/owa/auth/15.1.2507/"]);
    check("a/owa/auth/15.1.2507/x", &["/owa/auth/15.1.2507/"]);
}

#[test]
fn manifests_and_soap() {
    check(
        "<assemblyIdentity name=\"microsoft.exchange.ediscovery.exporttool\" version=\"15.1.2242.5\" publicKeyToken=\"x\"",
        &["exporttool version=\"15.1.2242.5\""],
    );
    check(
        "<h:ServerVersionInfo xmlns:h=\"u\"><h:MajorVersion>15</h:MajorVersion><h:MinorVersion>20</h:MinorVersion>\
         <h:MajorBuildNumber>6477</h:MajorBuildNumber>",
        &["ServerVersionInfo 15.20.6477"],
    );
    check(
        "<p>Exchange MAPI/HTTP Connectivity Endpoint<br><br>Version: 15.1.2176.9<br>",
        &["MAPI/HTTP Version: 15.1.2176.9"],
    );
}

#[test]
fn names_of_people_stay_out() {
    check("<p>Dear Erika Mustermann, your mailbox /owa/erika@example.test/ is full</p>", &[]);
}

#[test]
fn a_hostile_body_costs_no_more() {
    let titles: String = (0..100_000).map(|number| format!("<title>{number}")).collect();
    assert_eq!(excerpts(titles.as_bytes()).len(), EXCERPTS_MAX);
    for needle in ["<!-- ", "/owa/auth/", "ServerVersionInfo", "<title", "owaVersion>", "//"] {
        let body = needle.repeat((8 << 20) / needle.len());
        let found = excerpts(body.as_bytes());
        assert!(found.len() <= EXCERPTS_MAX && found.iter().all(|piece| piece.len() <= EXCERPT_BYTES_MAX), "{needle}");
    }
    let long = format!("<title>{}", "é".repeat(5_000));
    assert!(excerpts(long.as_bytes()).iter().all(|piece| piece.len() <= EXCERPT_BYTES_MAX));
}

#[test]
fn no_bytes_make_it_panic() {
    let seed =
        "<!-- OwaPage = ASP.auth_logon_aspx --><title>é</title>https://h/owa/auth/15.2.858/x<span id=owaVersion>8.3";
    for cut in 0..seed.len() {
        for byte in [0_u8, b'<', b'/', b'.', 0xff, b'9'] {
            let mut bytes = seed.as_bytes().to_vec();
            bytes[cut] = byte;
            _ = excerpts(&bytes);
            _ = excerpts(&bytes[..cut]);
            _ = excerpts(&bytes[cut..]);
        }
    }
}
