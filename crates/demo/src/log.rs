//! One log of a server: its folder, how its files are named, when they roll over and what stands at their top.
//!
//! Knows nothing of what the records say. Writes, or only counts when the size of a run is being estimated.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::server::Build;
use crate::time::{HOUR, Time};

const BUFFER_BYTES: usize = 512 * 1024;
/// Exchange starts another file of the same hour at this size (default of the product).
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// What stands before the records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Preamble {
    /// A plain row of column names, then the `#` block, no byte order mark.
    HeaderRow {
        /// `HttpProxy Logs`.
        log_type: &'static str,
    },
    /// Byte order mark, then the `#` block.
    ByteOrderMark {
        /// `Microsoft Exchange Server`.
        software: &'static str,
        /// `ECP Server Log`.
        log_type: &'static str,
        /// The log writes `15.0.0.0` whatever the build.
        fixed_version: bool,
    },
    /// IIS and HTTP.sys.
    W3c {
        /// Name and version of the writing component.
        software: &'static str,
    },
    /// Records only.
    None,
}

/// How files are named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming {
    /// `HttpProxy_2021030304-1.LOG`.
    Hourly(&'static str),
    /// `ECPServer20210303-1.LOG`.
    Daily(&'static str),
    /// `u_ex210303.log`.
    Iis,
    /// One file.
    Fixed(&'static str),
}

/// What a log is, apart from its content.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    pub(crate) naming: Naming,
    pub(crate) extension: &'static str,
    /// Hours in a file; 0 for one that never rolls over.
    pub(crate) hours: i64,
    pub(crate) preamble: Preamble,
    pub(crate) columns: &'static str,
}

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    layout: Layout,
    measure: bool,
    buffer: Vec<u8>,
    file: Option<File>,
    file_bytes: u64,
    period: i64,
    part: u32,
    run: u32,
    stamp: String,
    /// Files begun.
    pub(crate) files: u64,
    /// Bytes written, or that would have been.
    pub(crate) bytes: u64,
}

impl Log {
    pub(crate) fn new(layout: Layout, measure: bool) -> Self {
        Self {
            layout,
            measure,
            buffer: Vec::new(),
            file: None,
            file_bytes: 0,
            period: i64::MIN,
            part: 0,
            run: 0,
            stamp: String::new(),
            files: 0,
            bytes: 0,
        }
    }

    /// The buffer in which the record of this time is to be written, one whole line.
    pub(crate) fn line(&mut self, at: Time, build: &Build) -> io::Result<&mut Vec<u8>> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        // Requests end out of order, so a late record stays in the file that is open.
        let period = if self.layout.hours == 0 { 0 } else { at.0.div_euclid(self.layout.hours * HOUR) };
        if period > self.period {
            self.period = period;
            self.part = 1;
            self.stamp = match self.layout.naming {
                Naming::Hourly(_) => format!("{}{:02}", at.compact(true), at.hour()),
                Naming::Daily(_) => at.compact(true),
                Naming::Iis => at.compact(false),
                Naming::Fixed(_) => String::new(),
            };
            self.begin(at, build)?;
        } else if self.rolls_by_size() {
            self.part += 1;
            self.begin(at, build)?;
        } else if self.run != build.run {
            self.run = build.run;
            self.directives(at, build);
        }
        Ok(&mut self.buffer)
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file = None;
        Ok(())
    }

    fn rolls_by_size(&self) -> bool {
        matches!(self.layout.naming, Naming::Hourly(_) | Naming::Daily(_))
            && self.file_bytes + self.buffer.len() as u64 >= FILE_BYTES_MAX
    }

    fn begin(&mut self, at: Time, build: &Build) -> io::Result<()> {
        self.flush()?;
        self.run = build.run;
        self.files += 1;
        self.file_bytes = 0;
        if !self.measure {
            if self.files == 1 {
                std::fs::create_dir_all(&self.layout.folder)?;
            }
            let name = match self.layout.naming {
                Naming::Hourly(prefix) | Naming::Daily(prefix) => {
                    format!("{prefix}{}-{}.{}", self.stamp, self.part, self.layout.extension)
                }
                Naming::Iis => format!("u_ex{}.{}", self.stamp, self.layout.extension),
                Naming::Fixed(name) => format!("{name}.{}", self.layout.extension),
            };
            self.file = Some(File::create(self.layout.folder.join(name))?);
        }
        match self.layout.preamble {
            Preamble::HeaderRow { .. } => {
                self.buffer.extend_from_slice(self.layout.columns.as_bytes());
                self.buffer.extend_from_slice(b"\r\n");
            }
            Preamble::ByteOrderMark { .. } => self.buffer.extend_from_slice(b"\xEF\xBB\xBF"),
            Preamble::W3c { .. } | Preamble::None => {}
        }
        self.directives(at, build);
        Ok(())
    }

    /// The `#` block, which a service writes again into a file that it finds.
    fn directives(&mut self, at: Time, build: &Build) {
        let (software, version, log_type) = match self.layout.preamble {
            Preamble::HeaderRow { log_type } => ("Microsoft Exchange Server", build.padded.as_str(), Some(log_type)),
            Preamble::ByteOrderMark { software, log_type, fixed_version } => {
                let version = if fixed_version { "15.0.0.0" } else { build.padded.as_str() };
                (software, version, Some(log_type))
            }
            Preamble::W3c { software } => (software, "1.0", None),
            Preamble::None => return,
        };
        let out = &mut self.buffer;
        for (name, value) in [("#Software: ", software), ("#Version: ", version)] {
            for part in [name, value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if let Some(log_type) = log_type {
            for part in ["#Log-type: ", log_type, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"#Date: ");
        if log_type.is_some() {
            at.push_iso(out)
        } else {
            at.push_w3c(out)
        }
        for part in ["\r\n#Fields: ", self.layout.columns, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes += self.buffer.len() as u64;
        self.file_bytes += self.buffer.len() as u64;
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }
}
