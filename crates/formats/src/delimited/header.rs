//! What is in force at a place of a delimited log: columns, dialect, version and day.
//!
//! A header is small and cheap to move on, so that a file can be cut at any line end: [`Header::advance`] runs ahead
//! over a block and finds the header behind it, without splitting a record.

use std::collections::HashSet;
use std::sync::Arc;

use memchr::memmem;
use model::{Family, RejectReason, Row, Schema, Utc};

use super::family;
use crate::block::lines;

/// How cells are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One blank: W3C.
    Spaces,
    /// RFC 4180.
    Commas,
}

/// More columns than this are no log.
const COLUMNS_MAX: usize = 1_000;

/// Columns that were in force before are kept up to this many, without repetition.
const EARLIER_MAX: usize = 4;

/// Columns that hold the time of a record, by preference. A plain header row begins with one of them, in any case.
const TIME_COLUMNS: &[&str] = &["DateTime", "TimeStamp", "date-time", "Date-Time", "Date"];

/// The columns in force, in up to three readings: as written, without empty names, without repeated names. Real
/// `#Fields` lines carry stray empty names and pieces of themselves; the number of cells tells which reading is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub dialect: Dialect,
    /// The line that bound them. Logs repeat it, and mostly it changes nothing.
    line: Arc<[u8]>,
    pub variants: Vec<Arc<Schema>>,
    times: Vec<TimeAt>,
    /// W3C: where blanks inside a value may be, by preference, for the first variant.
    pub elastic: Vec<usize>,
    /// W3C: columns whose form is known (number, address), for the first variant.
    pub rigid: Vec<(usize, Form)>,
}

/// The form of a W3C value that proves that cells were not shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Number,
    Address,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeAt {
    One(usize),
    DateAndTime(usize, usize),
    TimeOnly(usize),
    DateOnly(usize),
    Nowhere,
}

/// The state of a delimited log at a line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `#Software`.
    pub software: Box<str>,
    /// `#Version`.
    pub version: Option<Box<str>>,
    /// `#Log-type`.
    pub log_type: Box<str>,
    /// The day from `#Date` (or, set by the caller, from the file name), for logs without a date column.
    pub day: Option<(i64, u32, u32)>,
    pub(super) columns: Option<Arc<Columns>>,
    /// What was in force before, new ones first. A damaged or forged `#Fields` line must not make all lines behind
    /// it unreadable.
    pub(super) earlier: Vec<Arc<Columns>>,
}

/// The columns that IIS logs by default since version 7, for logs whose beginning is missing.
const IIS_DEFAULT: &str = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken";

impl Header {
    /// What can be known before the first line: the day from the name of the file (`ex210303.log`, `u_ex21030314.log`),
    /// and, where the beginning of an IIS log is missing, the default columns, if they fit its first record.
    #[must_use]
    pub fn for_file(name: &str, head: &[u8]) -> Self {
        let mut header = Self { day: day_in_name(name), ..Self::default() };
        let Some((line, _)) = lines(head).find(|(line, _)| !line.is_empty() && !line.starts_with(b"#")) else {
            return header;
        };
        let describes_itself = head.starts_with(b"#") || memmem::find(head, b"\n#Fields:").is_some();
        if !describes_itself
            && line.first().is_some_and(u8::is_ascii_digit)
            && memchr::memchr(b',', line.get(..20).unwrap_or(line)).is_none()
        {
            let mut assumed = header.clone();
            if assumed.fields(IIS_DEFAULT.as_bytes(), IIS_DEFAULT).is_ok() && assumed.fits(line) {
                header = assumed;
            }
        }
        header
    }

    /// Do the columns in force fit this record, in number and form?
    fn fits(&self, line: &[u8]) -> bool {
        let Some(columns) = &self.columns else { return false };
        let mut cells = Vec::new();
        super::split::split(line, columns, &mut cells) == super::split::Split::As(0)
            && super::split::has_known_forms(line, &cells, &columns.rigid)
    }

    /// The first reading of the columns in force.
    #[must_use]
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.columns.as_ref().and_then(|columns| columns.variants.first())
    }

    /// How cells are set apart, once columns are known.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.columns.as_ref().map(|columns| columns.dialect)
    }

    /// Moves on over a block without reading its records.
    pub fn advance(&mut self, block: &[u8]) {
        // One pass over the line ends: several kinds of header lines in one block must be taken in their order.
        for start in std::iter::once(0).chain(memchr::memchr_iter(b'\n', block).map(|at| at + 1)) {
            let rest = block.get(start..).unwrap_or_default();
            if !may_be_header(rest) {
                continue;
            }
            if let Some((line, _)) = lines(rest).next() {
                let (line, _) = super::without_padding(line);
                if line.len() <= super::LINE_BYTES_MAX {
                    self.take(line);
                }
            }
        }
    }

    /// Takes a line if it is a directive or a header row. `None`: it is neither.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<Result<(), RejectReason>> {
        if !may_be_header(line) {
            return None;
        }
        if self.columns.as_ref().is_some_and(|columns| *columns.line == *line && self.describes(columns)) {
            return Some(Ok(()));
        }
        if line.first() == Some(&b'#') { Some(self.directive(line)) } else { self.row(line).then_some(Ok(())) }
    }

    /// Takes a `#` line. A `#Fields` line without any known time or address column is refused, and the columns in
    /// force stay.
    fn directive(&mut self, line: &[u8]) -> Result<(), RejectReason> {
        let text = String::from_utf8_lossy(line);
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "#software" => self.software = value.into(),
            "#version" => self.version = (!value.is_empty()).then(|| value.into()),
            "#log-type" => self.log_type = value.into(),
            "#date" => {
                self.day = Utc::parse(value.as_bytes().get(..10).unwrap_or_default()).map(Utc::date).or(self.day)
            }
            "#fields" => return self.fields(line, value),
            // `#Remark`, `#Start-Date`, comments.
            _ => {}
        }
        Ok(())
    }

    /// Takes a plain header row, as Exchange writes it at the start of request logs. It binds columns only while a
    /// row can be told from it.
    fn row(&mut self, line: &[u8]) -> bool {
        let first = line.strip_prefix(b"\"").unwrap_or(line);
        let looks_like_one = line.len() < 65_536
            && TIME_COLUMNS.iter().any(|name| {
                first.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
                    && matches!(first.get(name.len()), Some(b',' | b'"'))
            });
        if !looks_like_one {
            return false;
        }
        let text = String::from_utf8_lossy(line);
        let names: Vec<Box<str>> = text.split(',').map(|name| name.trim().trim_matches('"').into()).collect();
        let is_name =
            |name: &str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_()".contains(&b));
        if names.len() < 2 || !names.iter().all(|name| is_name(name)) {
            return false;
        }
        self.bind(line, names, Dialect::Commas).is_ok()
    }

    fn fields(&mut self, line: &[u8], value: &str) -> Result<(), RejectReason> {
        let dialect = if value.contains(',') { Dialect::Commas } else { Dialect::Spaces };
        let names: Vec<Box<str>> = match dialect {
            Dialect::Commas => value.split(',').map(|name| name.trim().into()).collect(),
            Dialect::Spaces => value.split_ascii_whitespace().map(Into::into).collect(),
        };
        self.bind(line, names, dialect)
    }

    fn bind(&mut self, line: &[u8], names: Vec<Box<str>>, dialect: Dialect) -> Result<(), RejectReason> {
        const KNOWN: [&str; 7] = ["date", "time", "c-ip", "s-ip", "datetime", "timestamp", "date-time"];
        let is_known = |name: &str| KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known));
        if names.len() > COLUMNS_MAX || !names.iter().any(|name| is_known(name)) {
            return Err(RejectReason::NoColumns);
        }
        let same = |columns: &Columns| columns.dialect == dialect && columns.names() == names;
        if self.columns.as_ref().is_some_and(|columns| same(columns) && self.describes(columns)) {
            return Ok(());
        }
        if let Some(before) = self.columns.take().filter(|columns| !same(columns)) {
            self.remember(before);
        }
        let family = match dialect {
            Dialect::Commas => family::of_log_type(&self.log_type).or_else(|| family::of_columns(&names)),
            Dialect::Spaces => family::of_columns(&names),
        };
        let family = family.unwrap_or(Family::OtherExchange);
        self.columns = Some(Arc::new(Columns::new(line, names, dialect, family, self)));
        Ok(())
    }

    /// Keeps the latest columns, and always those with which the file began: no number of forged headers pushes them out.
    fn remember(&mut self, before: Arc<Columns>) {
        let same = |columns: &&mut Arc<Columns>| columns.dialect == before.dialect && columns.names() == before.names();
        if let Some(known) = self.earlier.iter_mut().find(same) {
            *known = before;
            return;
        }
        self.earlier.insert(0, before);
        if self.earlier.len() > EARLIER_MAX {
            self.earlier.remove(EARLIER_MAX - 1);
        }
    }

    /// Would the same names be bound to the same log type and version again?
    fn describes(&self, columns: &Columns) -> bool {
        columns
            .variants
            .first()
            .is_some_and(|schema| schema.log_type == self.log_type && schema.version == self.version)
    }
}

/// Can a line that begins so be a header line? The one test for reading and for running ahead, so that a cut never
/// changes what is read. NUL and the first byte of a BOM are padding that may stand before it.
pub(super) fn may_be_header(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'#' | b'D' | b'd' | b'T' | b't' | b'"' | 0 | 0xEF))
}

/// `YYMMDD` in the names that IIS gives its logs.
fn day_in_name(name: &str) -> Option<(i64, u32, u32)> {
    let name = name.rsplit(['\\', '/']).next()?.to_ascii_lowercase();
    let at = name.find("ex")? + 2;
    let digits = name.get(at..at + 6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number = |from: usize| digits.get(from..from + 2)?.parse::<u32>().ok();
    let (year, month, day) = (number(0)?, number(2)?, number(4)?);
    let year = if year >= 90 { 1900 + i64::from(year) } else { 2000 + i64::from(year) };
    Utc::from_civil((year, month, day), (0, 0, 0), 0).map(Utc::date)
}

impl Columns {
    fn new(line: &[u8], names: Vec<Box<str>>, dialect: Dialect, family: Family, header: &Header) -> Self {
        let schema = |names: Vec<Box<str>>| {
            let (log_type, version) = (header.log_type.clone(), header.version.clone());
            Arc::new(Schema { family, log_type, version, names })
        };
        let filled: Vec<&Box<str>> = names.iter().filter(|name| !name.is_empty()).collect();
        let mut met = HashSet::with_capacity(filled.len());
        let distinct: Vec<&Box<str>> = filled.iter().copied().filter(|name| met.insert(*name)).collect();
        let mut variants = Vec::with_capacity(3);
        if distinct.len() < filled.len() {
            variants.push(schema(distinct.into_iter().cloned().collect()));
        }
        if filled.len() < names.len() {
            variants.push(schema(filled.into_iter().cloned().collect()));
        }
        variants.push(schema(names));
        let times = variants.iter().map(|schema| TimeAt::of(schema)).collect();
        let first = variants.first().filter(|_| dialect == Dialect::Spaces).cloned();
        let at = |name: &str| first.as_ref().and_then(|schema| schema.column(name));
        let elastic =
            ["cs-uri-query", "cs-uri-stem", "cs(User-Agent)", "cs-username", "cs(Referer)", "cs(Cookie)", "s-reason"];
        let rigid = [
            ("s-port", Form::Number),
            ("c-port", Form::Number),
            ("sc-status", Form::Number),
            ("sc-substatus", Form::Number),
            ("time-taken", Form::Number),
            ("c-ip", Form::Address),
            ("s-ip", Form::Address),
        ];
        Self {
            dialect,
            line: line.into(),
            times,
            elastic: elastic.iter().filter_map(|name| at(name)).collect(),
            rigid: rigid.iter().filter_map(|(name, form)| Some((at(name)?, *form))).collect(),
            variants,
        }
    }

    /// The names as written.
    fn names(&self) -> &[Box<str>] {
        self.variants.last().map_or(&[], |schema| &schema.names)
    }

    /// The time of a record; `Ok(None)` where the log has no time or the cell is empty.
    pub fn time(
        &self,
        variant: usize,
        row: &Row<'_>,
        day: Option<(i64, u32, u32)>,
    ) -> Result<Option<Utc>, RejectReason> {
        let on_day = |time: &[u8], day: Option<(i64, u32, u32)>| {
            let clock = Utc::parse_w3c(b"1970-01-01", time)?;
            Some(Utc(Utc::from_civil(day?, (0, 0, 0), 0)?.0 + clock.0))
        };
        match self.times.get(variant).copied().unwrap_or(TimeAt::Nowhere) {
            TimeAt::One(at) if row.raw(at).is_empty() => Ok(None),
            TimeAt::One(at) => Utc::parse(row.raw(at)).map(Some).ok_or(RejectReason::Time),
            TimeAt::DateAndTime(date, time) => {
                Utc::parse_w3c(row.raw(date), row.raw(time)).map(Some).ok_or(RejectReason::Time)
            }
            TimeAt::TimeOnly(_) if day.is_none() => Ok(None),
            TimeAt::TimeOnly(time) => on_day(row.raw(time), day).map(Some).ok_or(RejectReason::Time),
            TimeAt::DateOnly(date) => Utc::parse(row.raw(date)).map(Some).ok_or(RejectReason::Time),
            TimeAt::Nowhere => Ok(None),
        }
    }
}

impl TimeAt {
    fn of(schema: &Schema) -> Self {
        match (schema.column("date"), schema.column("time")) {
            (Some(date), Some(time)) => return Self::DateAndTime(date, time),
            (None, Some(time)) => return Self::TimeOnly(time),
            _ => {}
        }
        match TIME_COLUMNS.iter().find_map(|name| schema.column(name)) {
            Some(at) if schema.column("date") == Some(at) => Self::DateOnly(at),
            Some(at) => Self::One(at),
            None => Self::Nowhere,
        }
    }
}
