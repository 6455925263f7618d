//! Which reader a file gets, and the state it needs at a line end.

use formats::block::{Block, Lines};
use formats::{delimited, jsonl, setup, test_proxylogon};
use model::file::Kind;
use model::{Family, Sink};

/// A line-based reader with its state at a line end.
#[derive(Clone)]
pub enum Parser {
    Delimited(Box<delimited::Header>),
    IisNative,
    Setup,
    WindowsEvents(jsonl::Header),
    TestProxyLogon(test_proxylogon::Header),
}

impl Parser {
    /// The reader for a kind of file; `None` for files that are not read line by line.
    pub fn of(kind: Kind, on_server: &str, head: &[u8]) -> Option<Self> {
        match kind {
            Kind::DelimitedLog => Some(Self::Delimited(Box::new(delimited::Header::for_file(on_server, head)))),
            Kind::IisNative => Some(Self::IisNative),
            Kind::ExchangeSetup => Some(Self::Setup),
            Kind::WindowsEventsJson => Some(Self::WindowsEvents(jsonl::Header::default())),
            Kind::TestProxyLogon => Some(Self::TestProxyLogon(test_proxylogon::Header::default())),
            _ => None,
        }
    }

    /// Moves on over a block, and says what family its records belong to as far as that shows.
    pub fn advance(&mut self, block: &[u8]) -> Option<Family> {
        match self {
            Self::Delimited(header) => {
                let before = header.schema().map(|schema| schema.family);
                header.advance(block);
                before.or_else(|| header.schema().map(|schema| schema.family))
            }
            Self::IisNative => Some(Family::Iis),
            Self::Setup => Some(Family::Setup),
            Self::WindowsEvents(header) => {
                header.advance(block);
                None
            }
            Self::TestProxyLogon(header) => {
                header.advance(block);
                Some(Family::TestProxyLogon)
            }
        }
    }

    /// Reads a block.
    pub fn read(&mut self, block: &Block<'_>, sink: &mut dyn Sink) -> Lines {
        match self {
            Self::Delimited(header) => delimited::read(block, header, sink),
            Self::IisNative => delimited::read_iis_native(block, sink),
            Self::Setup => setup::read(block, sink),
            Self::WindowsEvents(header) => jsonl::read_on(block, header, sink),
            Self::TestProxyLogon(header) => test_proxylogon::read(block, header, sink),
        }
    }
}
