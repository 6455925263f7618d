//! From the wire to the verdict: the made-up fleet stands on loopback, an address for each host, behind TLS of every generation,
//! and is surveyed and judged as any other. All servers live in one thread.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;

use model::survey::{Observation, Outcome, Product};
use openssl::hash::MessageDigest;
use openssl::ssl::{Ssl, SslContext, SslVersion};
use survey::classify::Classifier;
use survey::fleet::{Answer, Profile, fleet};
use survey::probe::{AUTODISCOVER, EWS, LOGON, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::fleet::{Names, plan, run};
use super::tls::{self, Key, context_of};

/// What servers of the years offer: versions, ciphers, key; and the version that must come of it.
const GENERATIONS: [(SslVersion, SslVersion, &str, Key, &str); 9] = [
    (SslVersion::TLS1, SslVersion::TLS1, "AES128-SHA", Key::Rsa(1_024), "TLSv1"),
    (SslVersion::TLS1, SslVersion::TLS1, "ECDHE-RSA-AES256-SHA", Key::Rsa(2_048), "TLSv1"),
    (SslVersion::TLS1_1, SslVersion::TLS1_1, "AES256-SHA", Key::Rsa(2_048), "TLSv1.1"),
    (SslVersion::TLS1, SslVersion::TLS1_2, "AES256-SHA256", Key::Rsa(2_048), "TLSv1.2"),
    (SslVersion::TLS1_2, SslVersion::TLS1_2, "AES256-GCM-SHA384", Key::Rsa(2_048), "TLSv1.2"),
    (SslVersion::TLS1_2, SslVersion::TLS1_2, "DHE-RSA-AES256-GCM-SHA384", Key::Rsa(2_048), "TLSv1.2"),
    (SslVersion::TLS1_2, SslVersion::TLS1_2, "ECDHE-RSA-AES256-SHA384", Key::Rsa(2_048), "TLSv1.2"),
    (SslVersion::TLS1_2, SslVersion::TLS1_2, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::P256, "TLSv1.2"),
    (SslVersion::TLS1_3, SslVersion::TLS1_3, "DEFAULT", Key::P256, "TLSv1.3"),
];

/// How bodies travel.
#[derive(Clone, Copy, Debug)]
enum Carriage {
    Length,
    Chunks,
    /// HTTP/1.0: the end of the connection is the end of the body.
    UntilTheEnd,
    /// Packed; the connection ends although nothing says so.
    Packed,
}

const CARRIAGES: [Carriage; 4] = [Carriage::Length, Carriage::Chunks, Carriage::UntilTheEnd, Carriage::Packed];

/// What stands at an address.
enum Door {
    Answers {
        tls: SslContext,
        answers: Vec<Answer>,
        carriage: Carriage,
    },
    /// Lets nobody through the handshake, ends in it or after it.
    Shakes(SslContext),
    /// Says this in TLS, whatever it is asked.
    SaysInTls(SslContext, &'static [u8]),
    /// Says this and ends, without TLS.
    Says(&'static [u8]),
    Closes,
    Silent,
}

/// An address of its own for each; all of them in one thread that ends with the process.
fn stand(doors: Vec<Door>) -> Vec<SocketAddr> {
    let address = |number: usize| Ipv4Addr::new(127, 60, 0, u8::try_from(number + 1).expect("a fleet fits a /24"));
    let listeners: Vec<_> = (0..doors.len()).map(|number| TcpListener::bind((address(number), 0)).unwrap()).collect();
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    listeners.iter().for_each(|listener| listener.set_nonblocking(true).unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            for (listener, door) in listeners.into_iter().zip(doors) {
                let (listener, door) = (tokio::net::TcpListener::from_std(listener).unwrap(), Rc::new(door));
                tokio::task::spawn_local(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let door = Rc::clone(&door);
                        tokio::task::spawn_local(async move { _ = attend(&door, stream).await });
                    }
                });
            }
            std::future::pending::<()>().await;
        });
    });
    addresses
}

async fn attend(door: &Door, mut stream: TcpStream) -> std::io::Result<()> {
    match door {
        Door::Closes => {}
        Door::Silent => std::future::pending().await,
        Door::Says(words) => {
            _ = stream.read(&mut [0; 1_024]).await?;
            stream.write_all(words).await?;
        }
        Door::Shakes(tls) => _ = shake(tls, stream).await?,
        Door::SaysInTls(tls, words) => {
            let mut stream = shake(tls, stream).await?;
            _ = request(&mut stream).await?;
            stream.write_all(words).await?;
            stream.shutdown().await?;
        }
        Door::Answers { tls, answers, carriage } => {
            let mut stream = shake(tls, stream).await?;
            while let Some(path) = request(&mut stream).await? {
                let answer = answers.iter().find(|answer| answer.path == path);
                stream.write_all(&on_the_wire(answer, *carriage)).await?;
                stream.flush().await?;
                if matches!(carriage, Carriage::UntilTheEnd | Carriage::Packed) {
                    break;
                }
            }
            stream.shutdown().await?;
        }
    }
    Ok(())
}

async fn shake(tls: &SslContext, stream: TcpStream) -> std::io::Result<SslStream<TcpStream>> {
    let mut stream = SslStream::new(Ssl::new(tls)?, stream)?;
    std::pin::Pin::new(&mut stream).accept().await.map_err(std::io::Error::other)?;
    Ok(stream)
}

/// The path of the next request.
async fn request(stream: &mut SslStream<TcpStream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return Ok(None),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).split(' ').nth(1).map(str::to_owned))
}

fn on_the_wire(answer: Option<&Answer>, carriage: Carriage) -> Vec<u8> {
    let nothing = Answer { path: String::new(), status: 404, headers: Vec::new(), body: String::new() };
    let answer = answer.unwrap_or(&nothing);
    let minor = if matches!(carriage, Carriage::UntilTheEnd) { 0 } else { 1 };
    let mut head = format!("HTTP/1.{minor} {} Said\r\n", answer.status);
    answer.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let body = answer.body.as_bytes();
    let (how, body) = match carriage {
        Carriage::Length => (format!("Content-Length: {}\r\n", body.len()), body.to_vec()),
        Carriage::Chunks => {
            let mut chunks: Vec<u8> = Vec::new();
            for chunk in body.chunks(7) {
                write!(chunks, "{:x}\r\n", chunk.len()).unwrap();
                chunks.extend_from_slice(chunk);
                chunks.extend_from_slice(b"\r\n");
            }
            chunks.extend_from_slice(b"0\r\n\r\n");
            ("Transfer-Encoding: chunked\r\n".to_owned(), chunks)
        }
        Carriage::UntilTheEnd => (String::new(), body.to_vec()),
        Carriage::Packed => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(body).unwrap();
            let packed = packer.finish().unwrap();
            (format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", packed.len()), packed)
        }
    };
    [head.as_bytes(), how.as_bytes(), b"\r\n", &body].concat()
}

/// A key of its own for each generation; a certificate that says nothing of Exchange unless the profile has one.
fn generation(number: usize, profile: Option<&Profile>) -> SslContext {
    let (from, until, ciphers, key, _) = GENERATIONS[number];
    let digest = if key == Key::Rsa(1_024) { MessageDigest::sha1 } else { MessageDigest::sha256 };
    let generation = tls::Profile { versions: (from, until), ciphers, key, digest, ..tls::Profile::default() };
    match profile.and_then(|profile| profile.certificate.as_ref()) {
        Some((subject, names)) => context_of(generation, subject, names),
        None => context_of(generation, "*.example.test", &["*.example.test"]),
    }
}

/// What is left of a profile for who asks these paths only, and the third only where the first two name no build in a header.
fn as_asked(profile: &Profile, paths: &[&str]) -> Profile {
    let of = |path: &str| profile.answers.iter().find(|answer| answer.path == path).cloned();
    let names_build = |answer: &Answer| {
        let version = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("X-OWA-Version"));
        version.is_some_and(|(_, value)| value.starts_with(|c: char| c.is_ascii_digit()))
    };
    let has_build = [AUTODISCOVER, LOGON].into_iter().filter_map(of).any(|answer| names_build(&answer));
    let asked = paths.iter().filter(|path| **path != EWS || !has_build);
    let nothing = |path: &str| Answer { path: path.to_owned(), status: 404, headers: Vec::new(), body: String::new() };
    let answers = asked.map(|path| of(path).unwrap_or_else(|| nothing(path))).collect();
    Profile { answers, ..profile.clone() }
}

fn by_address(seen: Vec<Observation>) -> BTreeMap<SocketAddr, Observation> {
    let address = |seen: &Observation| SocketAddr::new(seen.target.address.expect("an address"), seen.target.port);
    seen.into_iter().map(|seen| (address(&seen), seen)).collect()
}

fn targets(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(",")
}

#[test]
fn a_fleet_on_loopback_is_judged_as_it_is() {
    let profiles: Vec<Profile> = fleet().into_iter().filter(|profile| !profile.answers.is_empty()).collect();
    let contexts: Vec<SslContext> = (0..GENERATIONS.len()).map(|number| generation(number, None)).collect();
    let door = |(number, profile): (usize, &Profile)| {
        let era = number % GENERATIONS.len();
        let tls = match profile.certificate {
            Some(_) => generation(era, Some(profile)),
            None => contexts[era].clone(),
        };
        let carriage = CARRIAGES[number % CARRIAGES.len()];
        Door::Answers { tls, answers: profile.answers.clone(), carriage }
    };
    let addresses = stand(profiles.iter().enumerate().map(door).collect());
    let mut plan = plan(&targets(&addresses), "");
    plan.export_tool = true;
    let (seen, summary) = run(&plan, &Names::default());
    assert_eq!((seen.len(), summary.left), (profiles.len(), 0));
    let seen = by_address(seen);
    let paths = plan.paths();
    let (mut classifier, mut wrong, mut whole) = (Classifier::new(), Vec::new(), 0);
    for (number, (profile, address)) in profiles.iter().zip(&addresses).enumerate() {
        let (seen, asked) = (&seen[address], as_asked(profile, &paths));
        let expected: Vec<(&str, u16)> =
            asked.answers.iter().map(|answer| (answer.path.as_str(), answer.status)).collect();
        let answered: Vec<(&str, u16)> =
            seen.responses.iter().map(|response| (response.path.as_str(), response.status)).collect();
        let judged = classifier.judge(seen);
        let version = GENERATIONS[number % GENERATIONS.len()].4;
        if (seen.outcome, judged.tls_version.as_deref()) != (Outcome::Answered, Some(version)) || answered != expected {
            wrong.push(format!("{}: {:?} {:?} {answered:?}", profile.name, seen.outcome, seen.reason));
        }
        // Who was asked for all that tells is what the profile says; of the others, what their answers say.
        let is_whole = profile.answers.iter().all(|told| asked.answers.iter().any(|answer| answer.path == told.path));
        if is_whole {
            whole += 1;
            wrong.extend(profile.differs(&judged));
        } else {
            let less = classifier.judge(&asked.observation());
            let is_same = (less.product, &less.builds, less.mixed, &less.contradictions, &less.behind, &less.cves)
                == (judged.product, &judged.builds, judged.mixed, &judged.contradictions, &judged.behind, &judged.cves);
            if !is_same {
                wrong.push(format!("{}, not asked for all: {judged:?}\n  not {less:?}", profile.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), profiles.len(), wrong.join("\n"));
    assert!(whole >= 70, "{whole} of {}", profiles.len());
}

#[test]
fn who_does_not_answer_is_told_apart_and_said_to_be_nothing() {
    let anonymous = tls::Profile {
        versions: (SslVersion::TLS1_2, SslVersion::TLS1_2),
        ciphers: "ADH-AES256-GCM-SHA384",
        ..tls::Profile::default()
    };
    let asks_for_certificate = tls::Profile {
        versions: (SslVersion::TLS1_2, SslVersion::TLS1_2),
        wants_client_certificate: true,
        ..tls::Profile::default()
    };
    let plain = |profile| context_of(profile, "*.example.test", &["*.example.test"]);
    let of_setup = context_of(asks_for_certificate, "MAIL01", &["MAIL01", "MAIL01.example.test"]);
    let doors = vec![
        (Door::Shakes(plain(anonymous)), Outcome::TlsRefused, Product::Unknown),
        (Door::Shakes(plain(asks_for_certificate)), Outcome::TlsRefused, Product::Unknown),
        // All that is seen is the certificate.
        (Door::Shakes(of_setup), Outcome::TlsRefused, Product::PerhapsExchange),
        (Door::Shakes(plain(tls::Profile::default())), Outcome::Closed, Product::Unknown),
        (Door::SaysInTls(plain(tls::Profile::default()), b"220 mail ESMTP\r\n"), Outcome::NotHttp, Product::Unknown),
        (Door::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Outcome::NotTls, Product::Unknown),
        (Door::Says(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome::NotTls, Product::Unknown),
        (Door::Closes, Outcome::Closed, Product::Unknown),
    ];
    let (doors, expected): (Vec<Door>, Vec<_>) =
        doors.into_iter().map(|(door, outcome, product)| (door, (outcome, product))).unzip();
    let addresses = stand(doors);
    let (seen, _) = run(&plan(&targets(&addresses), ""), &Names::default());
    let seen = by_address(seen);
    let mut classifier = Classifier::new();
    for (address, (outcome, product)) in addresses.iter().zip(expected) {
        let judged = classifier.judge(&seen[address]);
        assert_eq!((judged.outcome, judged.product), (outcome, product), "{:?}", judged.reason);
        assert!(judged.builds.is_empty() && judged.contradictions.is_empty() && !judged.mixed, "{judged:?}");
        assert!(judged.cves.is_empty() == (product == Product::Unknown), "{judged:?}");
    }
}

#[test]
fn who_keeps_silent_is_unknown() {
    let addresses = stand(vec![Door::Silent, Door::Silent]);
    let mut plan = plan(&targets(&addresses), "");
    // However busy the machine: nothing ever comes, so the wait may be short.
    plan.timeouts = Timeouts { handshake: std::time::Duration::from_millis(50), ..Timeouts::default() };
    let (seen, _) = run(&plan, &Names::default());
    let mut classifier = Classifier::new();
    let silent = fleet().into_iter().find(|profile| profile.answers.is_empty()).expect("a silent one");
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        assert_eq!(seen.outcome, Outcome::TimedOut);
        assert_eq!(silent.differs(&classifier.judge(seen)), None);
    }
}
