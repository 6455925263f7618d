//! Every format: what is read, what is refused and said, and that no bytes make a reader panic or lose count.

use model::survey::{BannerProtocol, ClaimKind, Observation, Outcome, Product, State};
use survey::classify::Classifier;
use survey::import::{Account, Format, ImportError, ImportOptions, import};

fn read(text: impl AsRef<[u8]>) -> (Vec<Observation>, Account) {
    let mut all = Vec::new();
    let account = import(&mut text.as_ref(), &ImportOptions::default(), &mut |seen| {
        all.push(seen);
        true
    });
    let account = account.expect("a known format");
    assert_eq!(account.records, account.read + account.rejected + account.blank);
    assert_eq!(account.observations, all.len() as u64);
    (all, account)
}

const ZGRAB2: &str = r#"{"ip":"192.0.2.7","domain":"Mail.example.test","data":{"owa":{"status":"success","protocol":"http","port":443,"result":{"response":{"status_code":401,"headers":{"server":["Microsoft-IIS/10.0"],"www_authenticate":["Negotiate","NTLM"],"unknown":[{"key":"x_owa_version","value":["15.2.1748.36"]},{"key":"x_feserver","value":["EX01"]}]},"request":{"url":{"scheme":"https","host":"mail.example.test","path":"/EWS/Exchange.asmx","raw_query":"a=1"},"tls_log":{"handshake_log":{"server_hello":{"version":{"name":"TLSv1.2"}},"server_certificates":{"certificate":{"raw":"AAEC","parsed":{"subject":{"common_name":["EX01"]},"issuer":{"common_name":["EX01"]},"names":["EX01"]}}}}}}},"redirect_response_chain":null},"timestamp":"2026-11-20T03:02:11Z"},"mail":{"status":"success","protocol":"smtp","port":25,"result":{"banner":"220 h Microsoft ESMTP MAIL Service ready at x"},"timestamp":"2026-11-20T03:02:12Z"}}}"#;
const HTTPX: &str = r#"{"timestamp":"2026-11-20T03:02:11Z","port":"443","url":"https://mail.example.test/EWS/Exchange.asmx","input":"mail.example.test","host_ip":"192.0.2.7","status_code":401,"header":{"www_authenticate":"Negotiate, NTLM","x_feserver":"EX01","x_owa_version":"15.2.1748.36"},"title":"x"}"#;
const NMAP: &str = "<?xml version=\"1.0\"?><!DOCTYPE nmaprun [<!ENTITY a \"aaaa\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]><nmaprun scanner=\"nmap\"><host endtime=\"1795405191\"><address addr=\"192.0.2.7\" addrtype=\"ipv4\"/><address addr=\"00:11:22:33:44:55\" addrtype=\"mac\"/><hostnames><hostname name=\"mail.example.test\"/></hostnames><ports><port protocol=\"tcp\" portid=\"443\"><state state=\"open\"/><service name=\"http\" tunnel=\"ssl\"/><script id=\"http-title\" output=\"&a;\"><elem key=\"title\">Outlook &amp; &x;</elem></script><script id=\"http-headers\" output=\"&#xa;  X-FEServer: EX01&#xa;  X-OWA-Version: 15.2.1748.36&#xa;  WWW-Authenticate: Negotiate, NTLM&#xa;\"/><script id=\"ssl-cert\" output=\"\"><table key=\"subject\"><elem key=\"commonName\">EX01</elem></table><elem key=\"pem\">-----BEGIN CERTIFICATE-----&#xa;AAEC&#xa;-----END CERTIFICATE-----</elem></script></port><port protocol=\"tcp\" portid=\"444\"><state state=\"closed\"/></port><port protocol=\"udp\" portid=\"53\"><state state=\"open\"/></port></ports></host></nmaprun>";
const MASSCAN: &str = "[\n{   \"ip\": \"192.0.2.7\",   \"timestamp\": \"1405625641\", \"ports\": [ {\"port\": 443, \"proto\": \"tcp\", \"status\": \"open\"} ] }\n,\n{   \"ip\": \"192.0.2.7\",   \"timestamp\": \"1405625642\", \"ports\": [ {\"port\": 25, \"proto\": \"tcp\", \"service\": {\"name\": \"smtp\", \"banner\": \"220 h Microsoft ESMTP MAIL Service ready at x\"} } ] }\n]\n";
const SHODAN: &str = r#"{"ip_str":"192.0.2.7","port":443,"hostnames":["mail.example.test"],"asn":"AS64500","org":"Example","location":{"country_code":"DE"},"timestamp":"2026-11-19T23:41:17.480151","data":"HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nX-FEServer: EX01\r\nX-OWA-Version: 15.2.1748.36\r\n\r\n","http":{"status":200,"location":"/owa/auth/logon.aspx?url=x","html":"<!-- OwaPage = ASP.auth_logon_aspx -->","favicon":{"hash":1768726119},"redirects":[{"location":"/owa/","data":"HTTP/1.1 302\r\nLocation: /owa/\r\n\r\n"}]},"vulns":{"CVE-2021-26855":{"verified":false},"CVE-2024-21410":{"verified":true}}}"#;
const CENSYS: &str = r#"{"ip":"192.0.2.7","last_updated_at":"2026-11-20T03:02:11Z","location":{"country_code":"DE"},"autonomous_system":{"asn":64500,"name":"EX"},"services":[{"port":443,"service_name":"HTTP","http":{"request":{"uri":"https://192.0.2.7/"},"response":{"status_code":200,"headers":{"X_FEServer":["EX01"],"Server":["Microsoft-IIS/10.0"],"_encoding":{"Server":"x"}},"html_title":"Outlook","body":"<!-- OwaPage = ASP.auth_logon_aspx --> /owa/auth/15.2.1748/x"}}},{"port":25,"service_name":"SMTP","software":[{"vendor":"microsoft","product":"exchange_server","version":"15.2.1748.36"}]}]}"#;
const CENSYS_PLATFORM: &str = r#"{"host":{"ip":"192.0.2.7","services":[{"port":443,"scan_time":"2026-11-20T03:02:11Z","endpoints":[{"http":{"status_code":401,"uri":"https://192.0.2.7/EWS/","headers":{"X-Feserver":{"headers":["EX01"]},"WWW-Authenticate":{"headers":["Negotiate","NTLM"]}}},"path":"/EWS/"}],"tls":{"version_selected":"tls1_2","fingerprint_sha256":"abababababababababababababababababababababababababababababababab"}}]}}"#;
const SHADOWSERVER: &str = "\"timestamp\",\"ip\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\",\"version\",\"servername\"\n\"2021-05-14 00:11:30\",\"192.0.2.2\",443,\"mail.example.test\",\"exchange;cve-2021-26855;webshell\",64500,\"US\",\"15.2.721\",\"EX\"\n";

const ALL: [(&str, Format, &str, usize); 8] = [
    ("zgrab2", Format::Zgrab2, ZGRAB2, 2),
    ("httpx", Format::Httpx, HTTPX, 1),
    ("nmap", Format::Nmap, NMAP, 2),
    ("masscan", Format::Masscan, MASSCAN, 2),
    ("shodan", Format::Shodan, SHODAN, 1),
    ("censys", Format::Censys, CENSYS, 2),
    ("censys platform", Format::Censys, CENSYS_PLATFORM, 1),
    ("shadowserver", Format::Shadowserver, SHADOWSERVER, 1),
];

#[test]
fn the_content_tells_the_format() {
    for (name, format, text, observations) in ALL {
        let (all, account) = read(text);
        assert_eq!((account.format, all.len(), account.rejected), (format, observations, 0), "{name}: {account:?}");
        let (marked, _) = read(format!("\u{feff}{text}"));
        assert_eq!(marked, all, "{name}");
        let (windows, _) = read(text.replace('\n', "\r\n"));
        assert_eq!(windows, all, "{name}");
    }
    for nothing in ["", "\n\n", "hello", "<html>", "PK\u{3}\u{4}", "{\"a\":1}", "a,b,c\n1,2,3\n"] {
        let unknown = import(&mut nothing.as_bytes(), &ImportOptions::default(), &mut |_| true);
        assert!(matches!(unknown, Err(ImportError::UnknownFormat)), "{nothing}");
    }
}

#[test]
fn all_formats_agree_on_the_server() {
    let mut classifier = Classifier::new();
    for (name, _, text, _) in ALL {
        let (all, _) = read(text);
        let seen = all.iter().find(|seen| seen.target.port == 443).expect("a web server");
        let judged = classifier.judge(seen);
        let expected = if name == "shadowserver" || name == "masscan" { None } else { Some(Product::Exchange) };
        if let Some(product) = expected {
            assert_eq!(judged.product, product, "{name}: {:?} {:?}", judged.evidence, judged.contradictions);
            assert_eq!(judged.identity.server_names, ["EX01"], "{name}");
        }
    }
}

#[test]
fn modules_of_zgrab2_are_targets_of_their_own() {
    let (all, _) = read(ZGRAB2);
    assert_eq!((all[0].target.port, all[1].target.port), (443, 25));
    assert_eq!(all[0].target.name.as_deref(), Some("mail.example.test"));
    assert_eq!(all[0].responses[0].path, "/EWS/Exchange.asmx?a=1");
    assert_eq!(all[1].banners[0].protocol, BannerProtocol::Smtp);
    let certificate = all[0].tls.as_ref().and_then(|tls| tls.certificate.as_ref()).expect("a certificate");
    assert_eq!(certificate.sha256, "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc");
    assert!(certificate.self_signed);
}

#[test]
fn answers_of_other_hosts_are_not_those_of_the_target() {
    let line = r#"{"ip":"192.0.2.9","domain":"a.test","data":{"http":{"status":"success","protocol":"http","timestamp":"2026-11-20T03:02:11Z","result":{"redirect_response_chain":[{"status_code":302,"headers":{"location":["https://b.test/owa/"]},"request":{"url":{"scheme":"https","host":"a.test","path":"/"}}}],"response":{"status_code":200,"headers":{"unknown":[{"key":"x_feserver","value":["OTHER"]}]},"request":{"url":{"scheme":"https","host":"b.test","path":"/owa/"}}}}}}}"#;
    let (all, _) = read(line);
    assert_eq!(all[0].responses.len(), 1);
    assert_eq!(all[0].responses[0].status, 302);
}

#[test]
fn old_httpx_has_headers_as_one_text() {
    let line = r#"{"timestamp":"2021-11-20T03:02:11Z","url":"https://192.0.2.7:8443","input":"192.0.2.7:8443","host":"192.0.2.7","port":"8443","status-code":401,"failed":false,"header":"HTTP/1.1 401 Unauthorized\r\nX-Feserver: EX01\r\nWWW-Authenticate: NTLM\r\n\r\n"}"#;
    let (all, _) = read(line);
    assert_eq!(all[0].responses[0].headers[0], ("X-Feserver".to_owned(), "EX01".to_owned()));
    assert_eq!((all[0].target.port, all[0].responses[0].status), (8443, 401));
}

#[test]
fn nothing_that_a_file_defines_is_expanded() {
    let (all, _) = read(NMAP);
    let pieces = &all[0].responses[0].excerpts;
    assert_eq!(pieces, &["<title>Outlook & &x;"]);
    assert_eq!(all[1].outcome, Outcome::Refused);
}

#[test]
fn a_file_that_was_cut_says_so() {
    let end = NMAP.find("portid=\"444\"").expect("it is there");
    let (all, account) = read(&NMAP[..end]);
    assert!(all.is_empty() && account.cut && account.rejected > 0, "{account:?}");
    let (all, account) = read(&MASSCAN[..MASSCAN.len() - 3]);
    assert_eq!((all.len(), account.rejected), (2, 0));
}

#[test]
fn masscan_in_its_broken_forms() {
    let record = r#"{ "ip": "192.0.2.7", "timestamp": "1405625641", "ports": [ {"port": 443, "proto": "tcp", "status": "open"} ] }"#;
    for text in [
        format!("[\n{record},\n{record},\n]\n"),
        format!("[\n{record}\n,\n{record}\n"),
        format!("[\n{record},\n{record},\n{{finished: 1}}\n]\n"),
        format!("{record}\n{record}\n"),
        format!("[{record},\n{record}]"),
        format!("[\n,\n{record}\n,{record}\n]"),
        "#masscan\nopen tcp 443 192.0.2.7 1405625641\nbanner tcp 443 192.0.2.7 1405625642 title Outlook Web App\n# end\n".to_owned(),
    ] {
        let (all, account) = read(&text);
        assert_eq!((all.len(), account.rejected), (2, 0), "{text}: {account:?}");
    }
    let xml = "<?xml version=\"1.0\"?><!-- masscan --><nmaprun scanner=\"masscan\" start=\"1\"><host endtime=\"1405625641\"><address addr=\"192.0.2.7\" addrtype=\"ipv4\"/><ports><port protocol=\"tcp\" portid=\"25\"><state state=\"open\"/><service name=\"smtp\" banner=\"220 x\"></service></port></ports></host></nmaprun>";
    let (all, account) = read(xml);
    assert_eq!((account.format, all[0].banners.len()), (Format::Masscan, 1));
}

#[test]
fn only_tested_holes_of_shodan_are_claims() {
    let (all, _) = read(SHODAN);
    let cves: Vec<_> =
        all[0].claims.iter().filter(|claim| claim.kind == ClaimKind::Cve).map(|claim| claim.text.as_str()).collect();
    assert_eq!(cves, ["CVE-2024-21410"]);
    assert_eq!(
        all[0].responses.iter().map(|answer| answer.path.as_str()).collect::<Vec<_>>(),
        ["/", "/owa/auth/logon.aspx?url=x"]
    );
    assert_eq!((all[0].network.asn, all[0].network.country.as_deref()), (Some(64500), Some("DE")));
    let judged = Classifier::new().judge(&all[0]);
    let state = judged.cves.iter().find(|state| state.cve == "CVE-2024-21410").expect("it is listed");
    assert_eq!(state.state, State::Vulnerable);
}

#[test]
fn columns_of_shadowserver_in_any_order() {
    let text = "version,ip,tag,port,timestamp,severity\n15.2.721,192.0.2.2,exchange;webshell,443,2021-05-14 00:11:30,high\n15.2.721,192.0.2.2,exchange\nx,y,z,1,2,3\n";
    let (all, account) = read(text);
    assert_eq!((all.len(), account.rejected, account.blank), (1, 2, 1));
    assert_eq!(account.rejects[0].record, 3);
    assert_eq!(account.rejects[0].why, "3 cells for 6 columns");
    assert!(all[0].claims.iter().any(|claim| claim.kind == ClaimKind::Tag && claim.text == "webshell"));
}

#[test]
fn a_bad_line_costs_that_line_and_is_named() {
    let text = format!(
        "{ZGRAB2}\nnonsense\n\n{{\"ip\":\"192.0.2.1\",\"data\":{{\"http\":{{\"status\":\"success\",\"protocol\":\"http\"}}}}}}\n{ZGRAB2}\n"
    );
    let (all, account) = read(text);
    assert_eq!((all.len(), account.records, account.read, account.rejected, account.blank), (4, 5, 2, 2, 1));
    assert_eq!(account.rejects[0].record, 2);
    assert_eq!((account.rejects[1].record, account.rejects[1].why.as_str()), (4, "it names no time"));
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut text = format!("{HTTPX}\n").into_bytes();
    text.extend(std::iter::repeat_n(b'x', survey::import::RECORD_BYTES_MAX + 10));
    text.extend(format!("\n{HTTPX}\n").bytes());
    let (all, account) = read(text);
    assert_eq!((all.len(), account.rejected), (2, 1));
    assert_eq!(account.rejects[0].why, "longer than 16 MiB");
}

#[test]
fn deep_json_is_refused() {
    let (_, account) = read(format!("{CENSYS}\n{}\n", "{\"services\":[".repeat(100_000)));
    assert_eq!((account.read, account.rejected), (1, 1));
    let (_, account) = read(format!("{ZGRAB2}\n{{\"data\":{{\"http\":{{\"result\":{}", "[".repeat(1_000_000)));
    assert_eq!((account.read, account.rejected), (1, 1));
}

#[test]
fn who_wants_no_more_gets_no_more() {
    let text = format!("{ZGRAB2}\n{ZGRAB2}\n");
    let mut taken = 0;
    let account = import(&mut text.as_bytes(), &ImportOptions::default(), &mut |_| {
        taken += 1;
        false
    });
    assert_eq!((taken, account.expect("a known format").observations), (1, 1));
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

#[test]
fn no_bytes_make_a_reader_panic_or_lose_count() {
    let mut classifier = Classifier::new();
    for (name, format, text, _) in ALL {
        let mut dice = Dice(7);
        for _ in 0..400 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=dice.roll(4) {
                let at = dice.roll(bytes.len());
                match dice.roll(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, [b'"', b'<', b'{', b'\n', b'&', 0, 0xff][dice.roll(7)]),
                    2 => _ = (!bytes.is_empty()).then(|| bytes.remove(at)),
                    3 => {
                        let piece = bytes.get(at..(at + dice.roll(60)).min(bytes.len())).unwrap_or_default().to_vec();
                        let to = dice.roll(bytes.len());
                        bytes.splice(to..to, piece);
                    }
                    _ => {
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte = dice.roll(256) as u8;
                        }
                    }
                }
            }
            let options = ImportOptions { format: Some(format), observed_at: None };
            let account = import(&mut bytes.as_slice(), &options, &mut |seen| {
                _ = classifier.judge(&seen);
                true
            });
            let account = account.expect("memory does not fail");
            assert_eq!(account.records, account.read + account.rejected + account.blank, "{name}");
        }
    }
}
