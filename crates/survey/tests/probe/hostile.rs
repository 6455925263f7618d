//! Servers that mean no good, or are broken: each costs its own time and no more, and the fleet around them is seen.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use model::survey::{Observation, Outcome};
use survey::probe::Timeouts;

use super::fleet::{Names, Server, exchange, look, plan, run, serve, serve_raw};
use super::tls::{Profile, context};

fn impatient(server: &Server) -> Observation {
    let mut plan = plan(&server.target(), "");
    let short = Duration::from_millis(400);
    plan.timeouts = Timeouts {
        connect: Duration::from_secs(20),
        handshake: Duration::from_secs(20),
        answer: short,
        host: short * 3,
    };
    look(&plan)
}

fn tls() -> Option<openssl::ssl::SslContext> {
    Some(context(Profile::default()))
}

/// Until the other side has left.
fn wait_for_end(stream: &mut impl Read) {
    while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
}

#[test]
fn slow_answers_cost_their_time_and_keep_the_certificate() {
    let silent = serve("127.0.0.2", tls(), |_, _| true);
    let seen = impatient(&silent);
    assert_eq!((seen.outcome, seen.reason.as_deref()), (Outcome::TimedOut, Some("an answer took too long")));
    assert!(seen.tls.is_some_and(|tls| tls.certificate.is_some() && tls.version.is_some()));
    // Byte by byte, for ever.
    let drip = serve("127.0.0.2", tls(), |_, out| {
        let drip = |byte: &u8| out.write_all(&[*byte]).and_then(|()| out.flush()).is_ok();
        let begin = b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'x'));
        begin
            .take_while(|_| {
                std::thread::park_timeout(Duration::from_millis(5));
                true
            })
            .all(drip)
    });
    assert_eq!(impatient(&drip).outcome, Outcome::TimedOut);
}

#[test]
fn a_handshake_that_never_ends_is_a_row() {
    let server = serve_raw("127.0.0.2", |stream, _| wait_for_end(stream));
    let mut plan = plan(&server.target(), "");
    plan.timeouts.handshake = Duration::from_millis(300);
    let seen = look(&plan);
    assert_eq!((seen.outcome, seen.reason.as_deref()), (Outcome::TimedOut, Some("the handshake took too long")));
}

#[test]
fn endless_bodies_and_headers_are_cut() {
    let body = serve("127.0.0.2", tls(), |_, out| {
        let mut goes_on = out.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok();
        while goes_on {
            goes_on = out.write_all(&[b'x'; 4_096]).is_ok();
        }
        false
    });
    let seen = look(&plan(&body.target(), ""));
    assert_eq!((seen.outcome, seen.responses.len()), (Outcome::Answered, 3));
    assert!(seen.responses.iter().all(|response| response.cut));
    let headers = serve("127.0.0.2", tls(), |_, out| {
        let mut goes_on = out.write_all(b"HTTP/1.1 200 OK\r\n").is_ok();
        while goes_on {
            goes_on = out.write_all(b"X-Header: value\r\n").is_ok();
        }
        false
    });
    let seen = look(&plan(&headers.target(), ""));
    assert!(seen.responses.iter().all(|response| response.cut && response.headers.len() <= 256));
}

#[test]
fn wrong_lengths_are_read_as_far_as_they_go() {
    let short = serve("127.0.0.2", tls(), |_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore than two").is_ok()
    });
    let seen = look(&plan(&short.target(), ""));
    assert_eq!((seen.outcome, seen.responses.len()), (Outcome::Answered, 3));
    let long = serve("127.0.0.2", tls(), |_, out| {
        _ = out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nless");
        false
    });
    let seen = look(&plan(&long.target(), ""));
    assert!(seen.outcome == Outcome::Answered && seen.responses.iter().all(|response| response.cut));
}

#[test]
fn whatever_speaks_no_tls_and_no_http_is_named() {
    let garbage = serve_raw("127.0.0.2", |stream, _| {
        _ = stream.read(&mut [0; 512]);
        _ = stream.write_all(&[0x16, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff, 9, 9, 9, 9]);
        _ = stream.write_all(&[7; 20_000]);
        wait_for_end(stream);
    });
    assert_eq!(look(&plan(&garbage.target(), "")).outcome, Outcome::TlsRefused);
    let plain = serve_raw("127.0.0.2", |stream, _| {
        _ = stream.read(&mut [0; 512]);
        _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        wait_for_end(stream);
    });
    assert_eq!(look(&plan(&plain.target(), "")).outcome, Outcome::NotTls);
    let closed = serve_raw("127.0.0.2", |stream, _| _ = stream.read(&mut [0; 512]));
    assert_eq!(look(&plan(&closed.target(), "")).outcome, Outcome::Closed);
    let ssh = serve("127.0.0.2", tls(), |_, out| out.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").is_ok());
    let seen = look(&plan(&ssh.target(), ""));
    assert_eq!((seen.outcome, seen.responses.len()), (Outcome::NotHttp, 0));
}

#[test]
fn a_bomb_is_a_short_row() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b'a'; 64 << 20]).unwrap();
    let gzip = gzip.finish().unwrap();
    let server = serve("127.0.0.2", tls(), move |_, out| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
        out.write_all(head.as_bytes()).and_then(|()| out.write_all(&gzip)).is_ok()
    });
    let seen = look(&plan(&server.target(), ""));
    assert!(seen.responses.len() == 3 && seen.responses.iter().all(|response| response.cut));
}

#[test]
fn ten_thousand_dead_hosts_neither_stall_nor_swell_it() {
    let server = serve("127.0.0.2", tls(), exchange);
    let targets = format!("{}, \"127.7.0.0/19:9\", \"127.8.0.0/21:9\"", server.target());
    let mut plan = plan(&targets, "exclusions = [\"127.8.4.0/23\"]");
    plan.pace.rate = 1e9;
    plan.pace.rate_per_prefix = 1e9;
    let begun = Instant::now();
    let (seen, summary) = run(&plan, &Names::default());
    assert_eq!(seen.len(), 1 + 8_192 + 1_536);
    assert_eq!(seen.iter().filter(|seen| seen.outcome == Outcome::Refused).count(), 8_192 + 1_536);
    assert_eq!((seen.iter().filter(|seen| seen.outcome == Outcome::Answered).count(), summary.left), (1, 0));
    // Nobody waited for anything: far below one timeout for each.
    assert!(begun.elapsed() < Duration::from_secs(300));
}
