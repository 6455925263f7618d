//! Servers in this process, which write down what they are asked; and a run of the prober with all that it needs.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::Utc;
use model::survey::Observation;
use openssl::ssl::SslContext;
use survey::probe::{self, Pace, Plan, Resolver, Resolving, Summary, Surroundings, Timeouts};
use survey::scope::Scope;

/// What a server saw.
#[derive(Default)]
pub struct Seen {
    pub requests: Mutex<Vec<String>>,
    pub accepted: Mutex<Vec<Instant>>,
    /// Requests on a connection when there was a newer one: two of ours at one time.
    pub overlaps: AtomicUsize,
    connections: AtomicUsize,
}

/// One connection to a server.
pub struct Caller {
    seen: Arc<Seen>,
    number: usize,
}

pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
}

/// Writes an answer to a request; whether the connection goes on.
pub type Behaviour = dyn Fn(&str, &mut dyn Write) -> bool + Send + Sync;

impl Server {
    /// As it stands in a scope.
    pub fn target(&self) -> String {
        format!("\"{}\"", self.address)
    }

    pub fn paths(&self) -> Vec<String> {
        let requests = self.seen.requests.lock().unwrap();
        requests.iter().map(|request| request.split(' ').nth(1).unwrap_or("?").to_owned()).collect()
    }
}

/// Serves HTTP, in TLS if there is a context.
pub fn serve(
    ip: &str,
    tls: Option<SslContext>,
    behave: impl Fn(&str, &mut dyn Write) -> bool + Send + Sync + 'static,
) -> Server {
    let behave: Arc<Behaviour> = Arc::new(behave);
    serve_raw(ip, move |stream, caller| {
        let Some(tls) = &tls else { return talk(stream, caller, &*behave) };
        let ssl = openssl::ssl::Ssl::new(tls).unwrap();
        if let Ok(mut stream) = ssl.accept(stream) {
            talk(&mut stream, caller, &*behave);
            _ = stream.shutdown();
        }
    })
}

/// Serves whatever, at a port that is free.
pub fn serve_raw(ip: &str, behave: impl Fn(&mut TcpStream, &Caller) + Send + Sync + 'static) -> Server {
    serve_at(ip, 0, behave).expect("a port that is free")
}

/// Serves at one port; `None` where that is not permitted here.
pub fn serve_at(
    ip: &str,
    port: u16,
    behave: impl Fn(&mut TcpStream, &Caller) + Send + Sync + 'static,
) -> Option<Server> {
    let listener = TcpListener::bind((ip, port)).ok()?;
    let address = listener.local_addr().unwrap();
    let (seen, behave) = (Arc::new(Seen::default()), Arc::new(behave));
    let watched = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            watched.accepted.lock().unwrap().push(Instant::now());
            let number = watched.connections.fetch_add(1, Ordering::SeqCst) + 1;
            let (caller, behave) = (Caller { seen: Arc::clone(&watched), number }, Arc::clone(&behave));
            std::thread::spawn(move || behave(&mut stream, &caller));
        }
    });
    Some(Server { address, seen })
}

pub fn talk<S: Read + Write>(mut stream: S, caller: &Caller, behave: &Behaviour) {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 2_048];
        let Ok(count @ 1..) = stream.read(&mut some) else { return };
        bytes.extend_from_slice(&some[..count]);
        while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let request = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
            bytes.drain(..end + 4);
            caller.seen.requests.lock().unwrap().push(request.clone());
            if caller.seen.connections.load(Ordering::SeqCst) > caller.number {
                caller.seen.overlaps.fetch_add(1, Ordering::SeqCst);
            }
            if !behave(&request, &mut stream) {
                return;
            }
        }
    }
}

/// An answer with a length.
pub fn answer(out: &mut dyn Write, head: &str, body: &str) -> bool {
    write!(out, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| out.flush()).is_ok()
}

/// Exchange 2019 as it answers strangers.
pub fn exchange(request: &str, out: &mut dyn Write) -> bool {
    match request.split(' ').nth(1) {
        Some("/autodiscover/autodiscover.xml") => answer(
            out,
            "401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nX-OWA-Version: 15.2.1544.11\r\nX-FEServer: MAIL01",
            "",
        ),
        Some("/owa/auth/logon.aspx") => {
            answer(out, "200 OK\r\nServer: Microsoft-IIS/10.0", "<!-- OwaPage = ASP.auth_logon_aspx -->")
        }
        _ => answer(out, "404 Not Found", ""),
    }
}

/// Names and their addresses.
#[derive(Default)]
pub struct Names(pub Vec<(&'static str, Vec<IpAddr>)>);

impl Resolver for Names {
    fn resolve(&self, name: &str) -> Resolving {
        let found = self.0.iter().find(|(known, _)| *known == name).map(|(_, addresses)| addresses.clone());
        Box::pin(async move { found.ok_or_else(|| std::io::Error::other("no such name")) })
    }
}

/// A plan for these targets, with time enough for a busy machine.
pub fn plan(targets: &str, rest: &str) -> Plan {
    let text = format!(
        "operator = \"Test\"\ncontact = \"mailto:test@example.org\"\nprobing_uri = \"https://example.org/probing.txt\"\n\
         ticket = \"T-1\"\nvalid_until = \"2026-12-31\"\ntargets = [{targets}]\n{rest}"
    );
    let mut plan = Plan::new(Scope::parse(&text).unwrap(), "1");
    plan.pace = Pace { rate: 10_000.0, rate_per_prefix: 10_000.0, concurrency: 100, troubles_max: 1_000 };
    plan.timeouts = Timeouts::from_answer(Duration::from_secs(40));
    plan
}

pub fn clock() -> Utc {
    Utc::parse(b"2026-06-01T12:00:00Z").unwrap()
}

/// Runs it, to its end; observations by target.
pub fn run(plan: &Plan, names: &Names) -> (Vec<Observation>, Summary) {
    let mut seen = Vec::new();
    let mut sink = |observation| {
        seen.push(observation);
        ControlFlow::Continue(())
    };
    let around = Surroundings { clock: &clock, resolver: names, stop: &|| false, sink: &mut sink };
    let summary = probe::run(plan, around).unwrap();
    seen.sort_by(|a, b| a.target.cmp(&b.target));
    (seen, summary)
}

/// The only one.
pub fn look(plan: &Plan) -> Observation {
    let (mut seen, _) = run(plan, &Names::default());
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}
