//! What the prober must never do, seen from the other side.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::survey::Outcome;
use survey::probe::{self, AUTODISCOVER, EWS, EXPORT_TOOL, LOGON, Surroundings};

use super::fleet::{Names, Server, answer, clock, exchange, look, plan, run, serve, serve_at, serve_raw, talk};
use super::tls::{Profile, context};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Fails for everything that a request of ours must not be.
fn check_manners(server: &Server) {
    for request in server.seen.requests.lock().unwrap().iter() {
        let (line, headers) = request.split_once("\r\n").unwrap();
        let path =
            line.strip_prefix("GET ").and_then(|rest| rest.strip_suffix(" HTTP/1.1")).expect("GET and nothing else");
        assert!([AUTODISCOVER, LOGON, EWS, EXPORT_TOOL].contains(&path), "{path}");
        let names: Vec<&str> = headers.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        assert_eq!(names, ["Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"]);
        assert!(headers.contains("\r\nUser-Agent: afterpatch-survey/1 (+https://example.org/probing.txt; contact=mailto:test@example.org)\r\n"));
    }
    assert_eq!(server.seen.overlaps.load(Ordering::SeqCst), 0);
}

#[test]
fn two_pages_where_the_first_names_the_build_and_three_where_not() {
    let tls = || Some(context(Profile::default()));
    let with_build = serve("127.0.0.2", tls(), exchange);
    let without = serve("127.0.0.3", tls(), |_, out| answer(out, "401 Unauthorized\r\nSet-Cookie: a=b", ""));
    let (seen, summary) = run(&plan(&format!("{},{}", with_build.target(), without.target()), ""), &Names::default());
    assert_eq!(with_build.paths(), [AUTODISCOVER, LOGON]);
    assert_eq!(without.paths(), [AUTODISCOVER, LOGON, EWS]);
    assert!(seen.iter().all(|seen| seen.outcome == Outcome::Answered && seen.reason.is_none()));
    assert_eq!(seen[0].responses[0].headers[1], ("X-OWA-Version".to_owned(), "15.2.1544.11".to_owned()));
    // All over one connection each.
    assert_eq!((summary.connections, summary.observed, summary.left), (2, 2, 0));
    check_manners(&with_build);
    check_manners(&without);
}

#[test]
fn the_export_tool_is_asked_only_on_demand() {
    let server = serve("127.0.0.2", Some(context(Profile::default())), exchange);
    let mut plan = plan(&server.target(), "");
    plan.export_tool = true;
    assert_eq!(look(&plan).responses.len(), 3);
    assert_eq!(server.paths(), [AUTODISCOVER, LOGON, EXPORT_TOOL]);
    check_manners(&server);
}

#[test]
fn a_server_that_ends_connections_is_asked_on_others_one_after_the_other() {
    let server = serve("127.0.0.2", Some(context(Profile::default())), |_, out| {
        answer(out, "404 Not Found\r\nConnection: close", "");
        false
    });
    assert_eq!(look(&plan(&server.target(), "")).responses.len(), 3);
    assert_eq!((server.paths().len(), server.seen.accepted.lock().unwrap().len()), (3, 3));
    check_manners(&server);
}

#[test]
fn an_address_with_many_ports_and_names_has_one_connection_at_a_time() {
    // Two ports of one address, each asked by address and by name; one counter for both.
    static OPEN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    static MOST: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let serve = || {
        serve_raw("127.0.0.7", |stream, _| {
            MOST.fetch_max(OPEN.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Not TLS, and the end comes first from our side: the counter is down before the prober can know.
            _ = stream.read(&mut [0; 1_024]);
            OPEN.fetch_sub(1, Ordering::SeqCst);
            _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        })
    };
    let (one, two) = (serve(), serve());
    let ports = format!("{},{}", one.address.port(), two.address.port());
    let names = Names(vec![("a.example.org", vec![ip("127.0.0.7")]), ("b.example.org", vec![ip("127.0.0.7")])]);
    let targets = format!("\"127.0.0.7:{ports}\", \"a.example.org:{ports}\", \"b.example.org:{ports}\"");
    let (seen, _) = run(&plan(&targets, ""), &names);
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|seen| seen.outcome == Outcome::NotTls), "{seen:?}");
    assert_eq!(MOST.load(Ordering::SeqCst), 1);
}

#[test]
fn rates_hold_as_the_other_side_counts_them() {
    let server = serve_raw("127.0.0.2", |stream, _| {
        _ = stream.read(&mut [0; 512]);
        _ = stream.write_all(b"no TLS here");
    });
    let names: Vec<(&'static str, Vec<IpAddr>)> =
        (0..12).map(|n| (&*format!("n{n}.example.org").leak(), vec![ip("127.0.0.2")])).collect();
    let targets: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}:{}\"", server.address.port())).collect();
    let mut plan = plan(&format!("{},{}", server.target(), targets.join(",")), "");
    plan.pace.rate_per_prefix = 20.0;
    let begun = Instant::now();
    run(&plan, &Names(names));
    let accepted = server.seen.accepted.lock().unwrap();
    assert_eq!(accepted.len(), 13);
    for (number, at) in accepted.iter().enumerate() {
        // A slow machine is later, never earlier.
        assert!(at.duration_since(begun) >= Duration::from_millis(50) * u32::try_from(number).unwrap(), "{number}");
    }
}

#[test]
fn outside_the_scope_nothing_arrives() {
    let inside = serve("127.0.0.2", Some(context(Profile::default())), exchange);
    let port = inside.address.port();
    let outside: Vec<std::net::TcpListener> =
        ["127.0.0.3", "127.0.0.4"].map(|ip| std::net::TcpListener::bind((ip, port)).unwrap()).into();
    outside.iter().for_each(|listener| listener.set_nonblocking(true).unwrap());
    let names = Names(vec![
        ("in.example.org", vec![ip("127.0.0.2"), ip("127.0.0.3"), ip("::ffff:127.0.0.4")]),
        ("out.example.org", vec![ip("127.0.0.3")]),
        ("gone.example.org", vec![]),
    ]);
    let targets = [
        "127.0.0.0/29",
        "in.example.org",
        "out.example.org",
        "gone.example.org",
        "not.example.org",
        "old.lab.example.org",
    ];
    let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}:{port}\"")).collect();
    let rest = "exclusions = [\"127.0.0.3\", \"127.0.0.4/30\", \"127.0.0.0/31\", \"*.lab.example.org\"]";
    let (seen, _) = run(&plan(&targets.join(","), rest), &names);
    let of = |outcome| seen.iter().filter(|seen| seen.outcome == outcome).count();
    assert_eq!((of(Outcome::Answered), of(Outcome::OutOfScope), of(Outcome::NotResolved)), (2, 3, 2));
    assert_eq!(seen.len(), 7);
    for listener in &outside {
        assert_eq!(listener.accept().expect_err("nobody").kind(), std::io::ErrorKind::WouldBlock);
    }
    assert!(
        inside
            .seen
            .requests
            .lock()
            .unwrap()
            .iter()
            .any(|request| request.contains(&format!("Host: in.example.org:{port}\r\n")))
    );
    check_manners(&inside);
}

#[test]
fn redirects_are_written_down_and_not_followed() {
    let other = std::net::TcpListener::bind("127.0.0.3:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let to = other.local_addr().unwrap();
    let server = serve("127.0.0.2", Some(context(Profile::default())), move |_, out| {
        answer(out, &format!("302 Found\r\nLocation: https://{to}/owa/"), "")
    });
    // Even where the scope would permit the other.
    let targets = format!("{},\"127.0.0.3:1\"", server.target());
    let (seen, _) = run(&plan(&targets, ""), &Names::default());
    assert_eq!(seen[0].responses.iter().map(|response| response.status).collect::<Vec<_>>(), [302, 302, 302]);
    assert_eq!(server.paths(), [AUTODISCOVER, LOGON, EWS]);
    assert_eq!(other.accept().expect_err("nobody").kind(), std::io::ErrorKind::WouldBlock);
    check_manners(&server);
}

#[test]
fn who_asks_for_a_pause_is_left_alone() {
    for status in ["429 Too Many Requests\r\nRetry-After: 120", "503 Service Unavailable"] {
        let server = serve("127.0.0.2", Some(context(Profile::default())), move |_, out| answer(out, status, ""));
        let names = Names(vec![("a.example.org", vec![ip("127.0.0.2")])]);
        let targets = format!("{},\"a.example.org:{}\"", server.target(), server.address.port());
        let (seen, _) = run(&plan(&targets, ""), &names);
        assert_eq!(server.paths(), [AUTODISCOVER]);
        let mut outcomes: Vec<Outcome> = seen.iter().map(|seen| seen.outcome).collect();
        outcomes.sort();
        assert_eq!(outcomes, [Outcome::Answered, Outcome::NotTried]);
        assert!(
            seen.iter().all(|seen| seen.reason.as_ref().is_some_and(|reason| reason.contains("asked for a pause")))
        );
    }
}

#[test]
fn a_network_in_trouble_is_left_alone() {
    let server = serve_raw("127.0.0.2", |_, _| {});
    let port = server.address.port();
    let names: Vec<(&'static str, Vec<IpAddr>)> =
        (0..10).map(|n| (&*format!("n{n}.example.org").leak(), vec![ip("127.0.0.2")])).collect();
    let targets: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}:{port}\"")).collect();
    let mut plan = plan(&format!("{},{}", server.target(), targets.join(",")), "");
    plan.pace.troubles_max = 4;
    let (seen, summary) = run(&plan, &Names(names));
    assert_eq!((seen.len(), summary.connections), (11, 4));
    assert_eq!(seen.iter().filter(|seen| seen.outcome == Outcome::NotTried).count(), 7);
}

#[test]
fn an_expired_scope_sends_nothing() {
    let server = serve_raw("127.0.0.2", |_, _| {});
    let plan = plan(&server.target(), "");
    let late = || model::Utc::parse(b"2027-01-01").unwrap();
    let around = Surroundings {
        clock: &late,
        resolver: &Names::default(),
        stop: &|| false,
        sink: &mut |_| ControlFlow::Continue(()),
    };
    assert!(probe::run(&plan, around).is_err());
    assert!(server.seen.accepted.lock().unwrap().is_empty());
}

#[test]
fn a_scope_that_ends_under_way_ends_the_run() {
    let server = serve("127.0.0.2", Some(context(Profile::default())), exchange);
    let plan = plan(&format!("{},\"127.0.1.0/24:9\"", server.target()), "");
    let plan = probe::Plan { pace: probe::Pace { rate_per_prefix: 0.1, ..plan.pace }, ..plan };
    let ending = || if server.paths().is_empty() { clock() } else { model::Utc::parse(b"2027-01-01").unwrap() };
    let mut sink = |_| ControlFlow::Continue(());
    let around = Surroundings { clock: &ending, resolver: &Names::default(), stop: &|| false, sink: &mut sink };
    let summary = probe::run(&plan, around).unwrap();
    assert!(summary.interrupted && summary.left > 200, "{summary:?}");
}

#[test]
fn an_ended_run_hands_over_what_it_saw() {
    // Answers one page and then nothing more.
    let server = serve("127.0.0.2", Some(context(Profile::default())), |request, out| {
        !request.contains("autodiscover") || exchange(request, out)
    });
    let plan = plan(&format!("{},\"127.0.1.0/24:9\"", server.target()), "");
    let plan = probe::Plan { pace: probe::Pace { rate_per_prefix: 0.1, ..plan.pace }, ..plan };
    let mut seen = Vec::new();
    let mut sink = |observation| {
        seen.push(observation);
        ControlFlow::Continue(())
    };
    let stop = || server.paths().len() == 2;
    let around = Surroundings { clock: &clock, resolver: &Names::default(), stop: &stop, sink: &mut sink };
    let summary = probe::run(&plan, around).unwrap();
    assert!(summary.interrupted && summary.observed + summary.left == 257, "{summary:?}");
    let answered: Vec<_> = seen.iter().filter(|seen| seen.outcome == Outcome::Answered).collect();
    assert_eq!(answered.len(), 1);
    assert_eq!((answered[0].responses.len(), answered[0].reason.as_deref()), (1, Some("the run was ended")));
    assert!(answered[0].tls.as_ref().is_some_and(|tls| tls.certificate.is_some()));
}

#[test]
fn port_80_is_asked_without_tls() {
    let Some(server) = serve_at("127.0.0.80", 80, |stream, caller| talk(stream, caller, &exchange)) else {
        return println!("not tested: no permission for port 80");
    };
    let seen = look(&plan("\"127.0.0.80:80\"", ""));
    assert_eq!((seen.outcome, seen.responses.len(), seen.tls), (Outcome::Answered, 2, None));
    assert!(server.seen.requests.lock().unwrap()[0].contains("\r\nHost: 127.0.0.80\r\n"));
    check_manners(&server);
}

#[test]
fn the_greeting_of_a_mail_service_is_read_and_nothing_said_but_quit() {
    static SAID: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    let mail = serve_at("127.0.0.25", 25, |stream, _| {
        _ = stream.write_all(b"220 mail01 Microsoft ESMTP MAIL Service ready\r\n");
        let mut said = String::new();
        _ = stream.read_to_string(&mut said);
        SAID.lock().unwrap().push_str(&said);
    });
    if mail.is_none() {
        return println!("not tested: no permission for port 25");
    }
    let web = serve("127.0.0.25", Some(context(Profile::default())), exchange);
    let mut plan = plan(&web.target(), "");
    plan.smtp = true;
    let (seen, summary) = run(&plan, &Names::default());
    assert_eq!((seen.len(), summary.connections, seen[0].responses.len()), (1, 2, 2));
    assert_eq!(seen[0].banners[0].text, "220 mail01 Microsoft ESMTP MAIL Service ready");
    check_manners(&web);
    // Written down when the other side left, which this run does not wait for.
    while SAID.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(*SAID.lock().unwrap(), "QUIT\r\n");
}

#[test]
fn ipv6_is_asked_alike() {
    let Some(_) = serve_at("::1", 0, |_, _| {}) else { return println!("not tested: no IPv6 here") };
    let server = serve("::1", Some(context(Profile::default())), exchange);
    assert_eq!(look(&plan(&server.target(), "")).responses.len(), 2);
    assert!(
        server.seen.requests.lock().unwrap()[0].contains(&format!("\r\nHost: [::1]:{}\r\n", server.address.port()))
    );
    check_manners(&server);
}
