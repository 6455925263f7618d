//! Answers as they should be, as they are, and as nobody should send them; and that cuts between reads change nothing.

use std::io::Write;

use super::{Answer, BODY_BYTES_MAX, HEAD_BYTES_MAX, Progress, Reader, get};

/// Feeds all at once and ends.
fn read(bytes: &[u8]) -> (Progress, Option<Answer>) {
    let mut reader = Reader::default();
    let progress = reader.feed(bytes);
    (progress, reader.finish())
}

fn answer(bytes: impl AsRef<[u8]>) -> Answer {
    read(bytes.as_ref()).1.expect("an answer")
}

/// A generator of bytes that are the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

const SAMPLES: &[&[u8]] = &[
    b"HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nX-OWA-Version: 15.2.1544.11\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\nServer: old\n\nuntil the end",
    b"HTTP/1.1 302 Found\r\nLocation: https://else.example/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort lie and more",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nlong lie",
    b"HTTP/1.1 204 No Content\r\n\r\nsurplus",
    b"SSH-2.0-OpenSSH_9.6\r\n",
];

#[test]
fn headers_stay_in_order_as_they_were_spelt_and_as_often() {
    let answer = answer(SAMPLES[0]);
    let names: Vec<&str> = answer.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Server", "X-OWA-Version", "WWW-Authenticate", "WWW-Authenticate", "Content-Length"]);
    assert_eq!(answer.head.values("x-owa-version").collect::<Vec<_>>(), ["15.2.1544.11"]);
    assert_eq!(
        (answer.head.status, answer.body.as_slice(), answer.reusable, answer.cut),
        (401, &b"abc"[..], true, false)
    );
}

#[test]
fn lengths_chunks_and_ends_frame_a_body() {
    let chunked = answer(SAMPLES[1]);
    assert_eq!((chunked.body.as_slice(), chunked.reusable, chunked.cut), (&b"abcde"[..], true, false));
    let interim = answer(SAMPLES[2]);
    assert_eq!((interim.head.status, interim.body.as_slice(), interim.reusable), (200, &b"ok"[..], true));
    let old = answer(SAMPLES[3]);
    assert_eq!(
        (old.head.is_1_0, old.body.as_slice(), old.reusable, old.cut),
        (true, &b"until the end"[..], false, false)
    );
    assert!(!answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").reusable);
    assert!(answer("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").reusable);
    assert!(answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").reusable);
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\nA: 1\r\n  2\r\nB\r\n\r\n").head.headers,
        [("A".to_owned(), "1 2".to_owned()), ("B".to_owned(), String::new())]
    );
}

#[test]
fn lies_cost_the_connection_and_nothing_else() {
    let broken = answer(SAMPLES[5]);
    assert_eq!((broken.cut, broken.reusable), (true, false));
    let short = answer(SAMPLES[6]);
    assert_eq!((short.body.as_slice(), short.reusable), (&b"short"[..], false));
    let long = answer(SAMPLES[7]);
    assert_eq!((long.body.as_slice(), long.cut, long.reusable), (&b"long lie"[..], true, false));
    for lengths in ["5, 7", "-5", "99999999999999999999999", "0x5"] {
        let answer = answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {lengths}\r\n\r\nhello, you"));
        assert_eq!((answer.body.as_slice(), answer.reusable), (&b"hello, you"[..], false), "{lengths}");
    }
    assert_eq!(answer("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello").body, b"hello");
}

#[test]
fn what_is_no_answer_is_none() {
    for bytes in
        ["SSH-2.0-x\r\n", "220 mail ESMTP\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1\r\n\r\n"]
    {
        assert_eq!(read(bytes.as_bytes()), (Progress::NotHttp, None), "{bytes}");
    }
    assert_eq!(read(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), (Progress::More, None));
    assert_eq!(read(b""), (Progress::More, None));
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000);
    assert_eq!(read(interim.as_bytes()).0, Progress::NotHttp);
}

#[test]
fn nothing_is_endless() {
    let mut reader = Reader::default();
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n");
    let fed = (1..).take_while(|_| reader.feed(&[b'x'; 1_000]) == Progress::More).count();
    assert!(fed * 1_000 <= BODY_BYTES_MAX);
    let answer = reader.finish().expect("an answer");
    assert_eq!((answer.body.len(), answer.cut, answer.reusable), (BODY_BYTES_MAX, true, false));

    let mut reader = Reader::default();
    reader.feed(b"HTTP/1.1 200 OK\r\n");
    let fed = (1..).take_while(|_| reader.feed(b"X-Header: and another one\r\n") == Progress::More).count();
    assert!(fed * 27 <= HEAD_BYTES_MAX);
    let answer = reader.finish().expect("an answer");
    assert_eq!((answer.head.headers.len(), answer.cut, answer.reusable), (super::HEADERS_MAX, true, false));

    for endless in ["1;", "0\r\nX: ", "0\r\nX: y\r\n"] {
        let mut reader = Reader::default();
        reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let fed = (1..100_000).take_while(|_| reader.feed(endless.as_bytes()) == Progress::More).count();
        assert!(fed < 10_000, "{endless}");
    }
}

#[test]
fn bombs_swell_to_what_is_read_of_any_body() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b'a'; 16 << 20]).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len()).into_bytes();
    bytes.extend_from_slice(&gzip);
    let bomb = answer(bytes);
    assert_eq!((bomb.body.len(), bomb.cut, bomb.reusable), (BODY_BYTES_MAX, true, true));
    let lie = answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((lie.body.len(), lie.cut), (0, true));
}

#[test]
fn cuts_between_reads_change_nothing() {
    for sample in SAMPLES {
        let whole = read(sample);
        for step in 1..sample.len() {
            let mut reader = Reader::default();
            let mut progress = Progress::More;
            for bytes in sample.chunks(step) {
                progress = reader.feed(bytes);
            }
            assert_eq!((progress, reader.finish()), whole, "{step} of {}", String::from_utf8_lossy(sample));
        }
    }
}

#[test]
fn no_bytes_stop_it() {
    let mut noise = noise(17);
    for round in 0..20_000usize {
        let mut bytes = SAMPLES[round % SAMPLES.len()].to_vec();
        for _ in 0..noise.next().unwrap_or(0) % 8 {
            let at =
                (usize::from(noise.next().unwrap_or(0)) << 8 | usize::from(noise.next().unwrap_or(0))) % bytes.len();
            bytes[at] = noise.next().unwrap_or(0);
        }
        let whole = read(&bytes);
        let mut reader = Reader::default();
        let mut progress = Progress::More;
        for bytes in bytes.chunks(1 + usize::from(noise.next().unwrap_or(0) % 40)) {
            progress = reader.feed(bytes);
        }
        assert_eq!((progress, reader.finish()), whole, "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_request_says_nothing_that_it_should_not() {
    let request = get("/owa/auth/logon.aspx", "mail.example.org", "afterpatch-survey/1");
    let names: Vec<&str> =
        request.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"]);
    assert!(request.starts_with("GET /owa/auth/logon.aspx HTTP/1.1\r\n") && request.ends_with("\r\n\r\n"));
}
