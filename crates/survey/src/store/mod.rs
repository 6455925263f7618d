//! The store of a survey: one SQLite file that holds every run, what was observed and what was said of it.
//!
//! What targets of the same builds have in common (builds, holes) is stored once as a profile. Rows come back in the
//! order of what is counted once, so counting and comparing need memory for one server at a time, however many there
//! are. A store that is damaged, newer or another's is an error, never a panic. No clock: a run has the time of its
//! observations.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::Utc;
use model::survey::{BuildSeen, CveState, Judged, Observation, Outcome, Product, Run, Target, Totals};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The form of the store, in `user_version`. One step of [`MIGRATIONS`] each.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("counts.sql")];

/// "apsv", in `application_id`.
const APPLICATION: i64 = 0x6170_7376;

/// How long another process that writes is waited for.
const BUSY_SECS: u64 = 30;

/// Rows between two commits: another process waits no longer than these take.
const COMMIT_ROWS: u64 = 5_000;

/// Memory for pages. Keys come in no order, so each row touches any page of the indexes.
const CACHE_KIB: i64 = 65_536;

/// Bytes of one stored text; longer ones are damage.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Profiles kept in memory while writing and reading.
const PROFILES_KEPT_MAX: usize = 20_000;

/// Runs that a trend looks at, the latest ones.
pub const RUNS_MAX: usize = 2_000;

/// Why a store cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It was written by a newer version.
    #[error("`{path}` was written by a newer version of this program (form {found}, known up to {known})")]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest known form.
        known: i64,
    },
    /// It is a database of somebody else.
    #[error("`{0}` is no store of a survey")]
    Foreign(PathBuf),
    /// It is not there.
    #[error("no store at `{0}`")]
    Missing(PathBuf),
    /// No such run.
    #[error("the store has no run {0}")]
    NoRun(i64),
    /// Something in it cannot be read back.
    #[error("`{path}` is damaged: {what}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// Another process writes.
    #[error("another process has been writing to `{0}` for {BUSY_SECS} seconds")]
    Busy(PathBuf),
    /// SQLite's own words.
    #[error("`{path}`: {error}")]
    Database {
        /// Where.
        path: PathBuf,
        /// What.
        error: rusqlite::Error,
    },
}

/// An open store.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Rows written since the last commit; a transaction is open while it is not zero.
    pending: u64,
    profiles: HashMap<ProfileKey, (i64, Arc<[CveState]>)>,
}

/// By what a profile is found again: product, builds and whether they differ as JSON, and where the holes lie in memory, which
/// are shared by all targets of the same builds and long to compare.
type ProfileKey = (String, usize);

/// What targets of the same builds have in common.
#[derive(Serialize, Deserialize)]
struct Profile {
    product: Product,
    builds: Vec<BuildSeen>,
    mixed: bool,
    cves: Arc<[CveState]>,
}

impl Store {
    /// Opens a store, or makes one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(|error| told(path, error))?;
        let mut store = Self { connection, path: path.to_owned(), pending: 0, profiles: Default::default() };
        store.prepare().map_err(|error| told(path, error))?;
        store.migrate()?;
        Ok(store)
    }

    /// Opens a store that must be there.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::open(path)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(Duration::from_secs(BUSY_SECS))?;
        self.connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        // A file from elsewhere may hold views and triggers: they can do nothing.
        self.connection.pragma_update(None, "trusted_schema", false)?;
        self.connection.pragma_update(None, "cell_size_check", true)?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.connection.set_prepared_statement_cache_capacity(32);
        Ok(())
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |error| told(&path, error);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, found) = (number("application_id").map_err(fail)?, number("user_version").map_err(fail)?);
        let known = i64::try_from(MIGRATIONS.len()).expect("a few");
        let tables: i64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
        if application != APPLICATION && (application != 0 || found != 0 || tables != 0) {
            return Err(StoreError::Foreign(path.clone()));
        }
        if !(0..=known).contains(&found) {
            return Err(StoreError::Newer { path: path.clone(), found, known });
        }
        for step in MIGRATIONS.iter().skip(usize::try_from(found).expect("not negative")) {
            transaction.execute_batch(step).map_err(fail)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(fail)?;
        transaction.pragma_update(None, "user_version", known).map_err(fail)?;
        transaction.commit().map_err(fail)
    }

    /// Begins a run; its number. The number in `run` means nothing yet.
    pub fn begin(&mut self, run: &Run) -> Result<i64, StoreError> {
        let path = self.path.clone();
        let written = self.connection.execute(
            "INSERT INTO runs (scope, day, finished, told) VALUES (?1, ?2, 0, ?3)",
            params![run.scope, run.last.map(|day| day.0), json(run)],
        );
        written.map_err(|error| told(&path, error))?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Adds one target to a run. `observation`: as JSON, as it was judged.
    pub fn add(&mut self, run: i64, observation: &str, judged: &Judged) -> Result<(), StoreError> {
        let added = self.write(|store| {
            let profile = store.profile(judged)?;
            let mut insert = store
                .connection
                .prepare_cached("INSERT INTO seen (run, key, target, profile, judged) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let target = target_words(&judged.target);
            insert.execute(params![run, judged.identity.key, target, profile, json(&bare(judged))])?;
            drop(insert);
            let id = store.connection.last_insert_rowid();
            store
                .connection
                .prepare_cached("INSERT INTO observations (id, observation) VALUES (?1, ?2)")?
                .execute(params![id, observation])?;
            Ok(())
        });
        added.map_err(|error| told(&self.path, error))
    }

    /// Ends a run, with what is known of it now.
    pub fn finish(&mut self, run: &Run) -> Result<(), StoreError> {
        let path = self.path.clone();
        let written = self.write(|store| {
            store.connection.execute(
                "UPDATE runs SET scope = ?2, day = ?3, finished = ?4, told = ?5 WHERE id = ?1",
                params![run.id, run.scope, run.last.map(|day| day.0), run.finished, json(run)],
            )
        });
        written.and_then(|_| self.commit()).map_err(|error| told(&path, error))
    }

    /// Judges the targets of a run anew, all or none.
    pub fn judge_again(&mut self, run: &Run, mut judge: impl FnMut(&Observation) -> Judged) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |error| told(&path, error);
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
        let done = self.judge_rows(run.id, &mut judge).and_then(|()| {
            self.connection
                .execute("UPDATE runs SET told = ?2 WHERE id = ?1", params![run.id, json(run)])
                .map(|_| ())
                .map_err(|error| told(&path, error))
        });
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        if done.is_err() {
            self.profiles.clear();
        }
        self.connection.execute_batch(end).map_err(|error| told(&path, error))?;
        done
    }

    fn judge_rows(&mut self, run: i64, judge: &mut dyn FnMut(&Observation) -> Judged) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |error| told(&path, error);
        let mut last = 0_i64;
        loop {
            let next: Option<(i64, String, String)> = self
                .connection
                .prepare_cached(
                    "SELECT seen.id, observation, judged FROM seen JOIN observations ON observations.id = seen.id
                     WHERE run = ?1 AND seen.id > ?2 ORDER BY seen.id LIMIT 1",
                )
                .and_then(|mut select| {
                    select.query_row(params![run, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
                })
                .map_err(fail)?;
            let Some((id, observation, before)) = next else { break };
            last = id;
            let observation: Observation = self.read_json(&observation)?;
            let mut judged = judge(&observation);
            // Whose an address was, was said by the tables of that day.
            let before: Judged = self.read_json(&before)?;
            judged.network = before.network;
            let profile = self.profile(&judged).map_err(fail)?;
            self.connection
                .prepare_cached("UPDATE seen SET key = ?2, profile = ?3, judged = ?4 WHERE id = ?1")
                .and_then(|mut update| update.execute(params![id, judged.identity.key, profile, json(&bare(&judged))]))
                .map_err(fail)?;
        }
        self.connection.execute("DELETE FROM counts WHERE run = ?1", [run]).map_err(fail)?;
        Ok(())
    }

    /// The numbers of a finished run, where they were counted before.
    pub fn counts(&self, run: i64, hole: Option<&str>) -> Result<Option<Totals>, StoreError> {
        let found: Option<String> = self
            .connection
            .prepare_cached("SELECT totals FROM counts WHERE run = ?1 AND hole = ?2")
            .and_then(|mut select| {
                select.query_row(params![run, hole.unwrap_or_default()], |row| row.get(0)).optional()
            })
            .map_err(|error| told(&self.path, error))?;
        found.map(|totals| self.read_json(&totals)).transpose()
    }

    /// Keeps the numbers of a finished run, so that no trend has to count it again. A store that cannot be written now is read
    /// all the same. Where counting itself changes, a migration has to empty what is kept.
    pub fn keep_counts(&self, run: i64, hole: Option<&str>, totals: &Totals) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO counts (run, hole, totals) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![run, hole.unwrap_or_default(), json(totals)]))
            .map(drop)
            .or_else(|error| match error.sqlite_error_code() {
                Some(ErrorCode::ReadOnly | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Ok(()),
                _ => Err(told(&self.path, error)),
            })
    }

    /// All runs, oldest first; of one scope, if one is named.
    pub fn runs(&self, scope: Option<&str>) -> Result<Vec<Run>, StoreError> {
        let fail = |error| told(&self.path, error);
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT id, finished, told FROM runs WHERE ?1 IS NULL OR scope = ?1
                 ORDER BY day DESC, id DESC LIMIT ?2",
            )
            .map_err(fail)?;
        let limit = i64::try_from(RUNS_MAX).expect("a few");
        let mut rows = select.query(params![scope, limit]).map_err(fail)?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let mut run: Run = self.read_json(&row.get::<_, String>(2).map_err(fail)?)?;
            run.id = row.get(0).map_err(fail)?;
            run.finished = row.get(1).map_err(fail)?;
            runs.push(run);
        }
        runs.reverse();
        Ok(runs)
    }

    /// One run.
    pub fn run(&self, id: i64) -> Result<Run, StoreError> {
        self.runs(None)?.into_iter().find(|run| run.id == id).ok_or(StoreError::NoRun(id))
    }

    /// Hands on the targets of a run, those of one server together, in the order of their keys.
    pub fn each_server(&self, run: i64, mut take: impl FnMut(&[Judged])) -> Result<(), StoreError> {
        let mut servers = self.servers(run)?;
        while let Some(server) = servers.next()? {
            take(&server);
        }
        Ok(())
    }

    /// The same, one by one.
    pub fn servers(&self, run: i64) -> Result<Servers<'_>, StoreError> {
        Ok(Servers {
            store: self,
            run,
            page: Vec::new().into_iter(),
            after: None,
            held: None,
            profiles: Default::default(),
        })
    }

    /// What a target of a run was judged to be.
    pub fn at_target(&self, run: i64, target: &Target) -> Result<Option<(String, Outcome, Product)>, StoreError> {
        let fail = |error| told(&self.path, error);
        let found: Option<(String, String, String)> = self
            .connection
            .prepare_cached(
                "SELECT key, judged, content FROM seen JOIN profiles ON profiles.id = profile
                 WHERE run = ?1 AND target = ?2 ORDER BY seen.id DESC LIMIT 1",
            )
            .and_then(|mut select| {
                select
                    .query_row(params![run, target_words(target)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()
            })
            .map_err(fail)?;
        let Some((key, judged, profile)) = found else { return Ok(None) };
        let (judged, profile): (Judged, Profile) = (self.read_json(&judged)?, self.read_json(&profile)?);
        Ok(Some((key, judged.outcome, profile.product)))
    }

    /// The targets of one server of a run.
    pub fn targets_of(&self, run: i64, key: &str) -> Result<Vec<Judged>, StoreError> {
        let mut servers = self.servers(run)?;
        servers.after = Some((key.to_owned(), String::new(), 0));
        let server = servers.next()?.unwrap_or_default();
        Ok(server.into_iter().filter(|target| target.identity.key == key).collect())
    }

    /// Does something inside the open transaction, which is committed now and then.
    fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        if self.pending == 0 {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        self.pending += 1;
        let done = work(self)?;
        if self.pending >= COMMIT_ROWS {
            self.commit()?;
        }
        Ok(done)
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        if self.pending > 0 {
            self.connection.execute_batch("COMMIT")?;
            self.pending = 0;
        }
        Ok(())
    }

    fn profile(&mut self, judged: &Judged) -> rusqlite::Result<i64> {
        let key = (json(&(judged.product, &judged.builds, judged.mixed)), judged.cves.as_ptr().addr());
        if let Some((id, _)) = self.profiles.get(&key) {
            return Ok(*id);
        }
        let content = json(&Profile {
            product: judged.product,
            builds: judged.builds.clone(),
            mixed: judged.mixed,
            cves: Arc::clone(&judged.cves),
        });
        self.connection
            .prepare_cached("INSERT INTO profiles (content) VALUES (?1) ON CONFLICT (content) DO NOTHING")?
            .execute([&content])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM profiles WHERE content = ?1")?
            .query_row([&content], |row| row.get(0))?;
        if self.profiles.len() >= PROFILES_KEPT_MAX {
            self.profiles.clear();
        }
        // With the holes, so that nothing else comes to lie where they do.
        self.profiles.insert(key, (id, Arc::clone(&judged.cves)));
        Ok(id)
    }

    fn read_json<T: for<'de> Deserialize<'de>>(&self, text: &str) -> Result<T, StoreError> {
        let damaged = |what: String| StoreError::Damaged { path: self.path.clone(), what };
        if text.len() > TEXT_BYTES_MAX {
            return Err(damaged(format!("a text of {} bytes", text.len())));
        }
        serde_json::from_str(text).map_err(|error| damaged(error.to_string()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // What was seen before a run broke off is kept.
        _ = self.commit();
    }
}

/// Key, target, number, profile, judgement.
type StoredRow = (String, String, i64, i64, String);

/// Rows fetched at a time.
const PAGE_ROWS: i64 = 512;

/// Targets of one server that are handed on; a key that more share is no server but a default certificate.
pub const TARGETS_PER_SERVER_MAX: usize = 4_096;

/// The servers of a run, in the order of their keys.
pub struct Servers<'s> {
    store: &'s Store,
    run: i64,
    page: std::vec::IntoIter<StoredRow>,
    after: Option<(String, String, i64)>,
    held: Option<Judged>,
    profiles: HashMap<i64, Arc<Profile>>,
}

impl Servers<'_> {
    /// The next one: all its targets, in the order of their names and addresses.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<Vec<Judged>>, StoreError> {
        let Some(first) = self.row()? else { return Ok(None) };
        let mut server = vec![first];
        while let Some(row) = self.row()? {
            if row.identity.key != server[0].identity.key || server.len() >= TARGETS_PER_SERVER_MAX {
                self.held = Some(row);
                break;
            }
            server.push(row);
        }
        Ok(Some(server))
    }

    fn row(&mut self) -> Result<Option<Judged>, StoreError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let (key, target, id, profile, judged) = match self.page.next() {
            Some(row) => row,
            None => {
                self.page = self.fetch().map_err(|error| told(&self.store.path, error))?.into_iter();
                match self.page.next() {
                    Some(row) => row,
                    None => return Ok(None),
                }
            }
        };
        let mut judged: Judged = self.store.read_json(&judged)?;
        judged.identity.key.clone_from(&key);
        self.after = Some((key, target, id));
        let profile = self.profile(profile)?;
        judged.product = profile.product;
        judged.builds.clone_from(&profile.builds);
        judged.mixed = profile.mixed;
        judged.cves = Arc::clone(&profile.cves);
        Ok(Some(judged))
    }

    fn fetch(&self) -> rusqlite::Result<Vec<StoredRow>> {
        let (key, target, id) = self.after.clone().unwrap_or_default();
        let mut select = self.store.connection.prepare_cached(
            "SELECT key, target, id, profile, judged FROM seen
             WHERE run = ?1 AND (key, target, id) > (?2, ?3, ?4) ORDER BY key, target, id LIMIT ?5",
        )?;
        let rows = select.query_map(params![self.run, key, target, id, PAGE_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        rows.collect()
    }

    fn profile(&mut self, id: i64) -> Result<Arc<Profile>, StoreError> {
        if let Some(profile) = self.profiles.get(&id) {
            return Ok(Arc::clone(profile));
        }
        let content: String = self
            .store
            .connection
            .prepare_cached("SELECT content FROM profiles WHERE id = ?1")
            .and_then(|mut select| select.query_row([id], |row| row.get(0)))
            .map_err(|error| told(&self.store.path, error))?;
        let profile: Arc<Profile> = Arc::new(self.store.read_json(&content)?);
        if self.profiles.len() >= PROFILES_KEPT_MAX {
            self.profiles.clear();
        }
        self.profiles.insert(id, Arc::clone(&profile));
        Ok(profile)
    }
}

/// What a run has to say of itself after one more observation.
pub fn seen_in_run(run: &mut Run, observation: &Observation) {
    let at = observation.observed_at;
    run.first = Some(run.first.map_or(at, |first: Utc| first.min(at)));
    run.last = Some(run.last.map_or(at, |last: Utc| last.max(at)));
    let mut scanners: BTreeSet<_> = run.scanners.iter().copied().collect();
    if scanners.insert(observation.scanner) {
        run.scanners = scanners.into_iter().collect();
    }
}

/// What of a judgement is not in its profile.
fn bare(judged: &Judged) -> Judged {
    Judged { builds: Vec::new(), cves: Arc::from([]), mixed: false, ..judged.clone() }
}

fn target_words(target: &Target) -> String {
    let name = target.name.as_deref().unwrap_or_default();
    let address = target.address.map(|address| address.to_string()).unwrap_or_default();
    format!("{name} {address} {}", target.port)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our words are JSON")
}

fn told(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
    let path = path.to_owned();
    match (error.sqlite_error_code(), &error) {
        (Some(DatabaseBusy | DatabaseLocked), _) => StoreError::Busy(path),
        (Some(DatabaseCorrupt), _) => StoreError::Damaged { path, what: error.to_string() },
        (Some(NotADatabase), _) => StoreError::Foreign(path),
        (
            _,
            rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..),
        ) => StoreError::Damaged { path, what: error.to_string() },
        _ => StoreError::Database { path, error },
    }
}

#[cfg(test)]
pub(crate) mod tests;
