//! The walls that Linux has: resource limits, Landlock, and a filter of system calls. None of them needs rights, and each
//! stands without the others.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope,
};
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::Jail;
use crate::assess::crew::Limits;

/// Files that a process has open at a time: one per thread and container.
const OPEN_FILES_MAX: u64 = 1_024;

/// Builds what can be built around this thread and those that it will start.
pub fn enter(roots: &[PathBuf], limits: &Limits) -> Jail {
    // Nobody asks for anything any more when the process that judges has ended. Where this cannot be had, the end of the
    // pipe says so a little later.
    _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    // Landlock opens the roots, so it comes before the filter.
    let (limits, files) = (limit(limits), only_evidence(roots).is_some());
    Jail { limits, files, system_calls: few_calls().is_some() }
}

fn limit(limits: &Limits) -> bool {
    let bounds = [
        (rlimit::Resource::AS, limits.address_space),
        (rlimit::Resource::FSIZE, 0),
        (rlimit::Resource::CORE, 0),
        (rlimit::Resource::NOFILE, OPEN_FILES_MAX),
    ];
    // An administrator's own limit may be lower, and stays.
    bounds.into_iter().all(|(resource, most)| {
        let allowed = resource.get_hard().map_or(most, |hard| hard.min(most));
        resource.set(allowed, allowed).is_ok()
    })
}

/// Ends this process after so many more seconds of processor time; `None`: no more than an administrator's own limit does.
pub fn limit_processor_time(secs: Option<u64>) {
    let most = secs.map_or(u64::MAX, |secs| processor_secs().saturating_add(secs));
    // Only the soft limit, which can be moved for the next file.
    _ = rlimit::Resource::CPU.get_hard().and_then(|hard| rlimit::Resource::CPU.set(most.min(hard), hard));
}

/// What this process has used so far.
fn processor_secs() -> u64 {
    let times = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(times.tv_sec).unwrap_or_default()
}

/// Nothing can be opened but the roots, for reading, and no network reached.
fn only_evidence(roots: &[PathBuf]) -> Option<()> {
    let all = AccessFs::from_all(ABI::V5);
    let mut ruleset = Ruleset::default()
        .handle_access(all)
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .ok()?;
    for root in roots {
        let Ok(place) = PathFd::new(root) else { continue };
        let access = if root.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        ruleset = ruleset.add_rule(PathBeneath::new(place, access)).ok()?;
    }
    let status = ruleset.restrict_self().ok()?;
    (status.ruleset != RulesetStatus::NotEnforced).then_some(())
}

/// Every system call but those of a program that reads files and computes is answered: there is no such call. That is
/// what the C library has an answer for, above all for `clone3`, whose flags a filter cannot see.
fn few_calls() -> Option<()> {
    let always = CALLS.iter().map(|call| (*call, Vec::new()));
    let rules = always.chain(guarded_calls()?).collect();
    let answer = SeccompAction::Errno(u32::try_from(libc::ENOSYS).ok()?);
    let filter =
        SeccompFilter::new(rules, answer, SeccompAction::Allow, std::env::consts::ARCH.try_into().ok()?).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter(&program).ok()
}

/// Calls that are allowed with some arguments only.
fn guarded_calls() -> Option<Vec<(c_long, Vec<SeccompRule>)>> {
    let bits = |bits: libc::c_int| u64::from(bits.cast_unsigned());
    let when = |argument: u8, is: Is, value: u64| {
        let condition = SeccompCondition::new(argument, Width::Dword, is, value).ok()?;
        SeccompRule::new(vec![condition]).ok()
    };
    let writes = bits(libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND);
    let thread = bits(libc::CLONE_THREAD);
    let executes = bits(libc::PROT_EXEC);
    let own = u64::from(std::process::id());
    let fcntl = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_DUPFD_CLOEXEC];
    let fcntl: Option<Vec<SeccompRule>> = fcntl.into_iter().map(|what| when(1, Is::Eq, bits(what))).collect();
    let prctl = [libc::PR_SET_NAME, libc::PR_SET_VMA];
    let prctl: Option<Vec<SeccompRule>> = prctl.into_iter().map(|what| when(0, Is::Eq, bits(what))).collect();
    Some(vec![
        (libc::SYS_openat, vec![when(2, Is::MaskedEq(writes), 0)?]),
        (libc::SYS_clone, vec![when(0, Is::MaskedEq(thread), thread)?]),
        (libc::SYS_mmap, vec![when(2, Is::MaskedEq(executes), 0)?]),
        (libc::SYS_mprotect, vec![when(2, Is::MaskedEq(executes), 0)?]),
        (libc::SYS_tgkill, vec![when(0, Is::Eq, own)?]),
        (libc::SYS_fcntl, fcntl?),
        (libc::SYS_prctl, prctl?),
    ])
}

/// Calls that are allowed with any arguments.
const CALLS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    // Which limits there are, and the one on processor time of this process.
    libc::SYS_prlimit64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tries what must not work")]
mod tests {
    use std::fs;
    use std::net::{TcpListener, UdpSocket};
    use std::process::Command;

    use tempfile::TempDir;

    use super::{few_calls, only_evidence};

    /// Walls stand around a thread and those that it starts: the test itself stays outside.
    fn inside<T: Send>(wall: impl FnOnce() + Send, tries: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                wall();
                tries()
            });
            thread.join().expect("the thread ends")
        })
    }

    /// What can be done: read evidence, write a file beside it, change one, remove one, read another file, open a socket,
    /// start a program.
    fn attempts(folder: &TempDir, other: &TempDir) -> [bool; 7] {
        let (inside, outside) = (folder.path().join("a.log"), other.path().join("secret"));
        [
            fs::read(&inside).is_ok(),
            fs::write(folder.path().join("new"), "x").is_ok(),
            fs::write(&inside, "changed").is_ok(),
            fs::remove_file(&inside).is_ok(),
            fs::read(outside).is_ok(),
            TcpListener::bind("127.0.0.1:0").is_ok() || UdpSocket::bind("127.0.0.1:0").is_ok(),
            Command::new("/proc/self/exe").arg("--help").output().is_ok(),
        ]
    }

    fn folders() -> (TempDir, TempDir) {
        let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        fs::write(folder.path().join("a.log"), "evidence").unwrap();
        fs::write(other.path().join("secret"), "x").unwrap();
        (folder, other)
    }

    #[test]
    fn the_filter_alone_leaves_nothing_but_reading() {
        let (folder, other) = folders();
        let done = inside(|| few_calls().expect("a filter"), || attempts(&folder, &other));
        assert_eq!(done, [true, false, false, false, true, false, false]);
        assert_eq!(fs::read(folder.path().join("a.log")).unwrap(), b"evidence");
    }

    #[test]
    fn landlock_alone_leaves_nothing_but_evidence() {
        let (folder, other) = folders();
        let root = folder.path().to_owned();
        let stands = std::sync::atomic::AtomicBool::new(false);
        let wall = || stands.store(only_evidence(&[root]).is_some(), std::sync::atomic::Ordering::Relaxed);
        let done = inside(wall, || attempts(&folder, &other));
        if !stands.into_inner() {
            // An older kernel: the filter stands alone there, and the program says so.
            return;
        }
        assert_eq!((done[0], done[1], done[2], done[3], done[4]), (true, false, false, false, false));
    }

    #[test]
    fn threads_memory_and_time_still_work_inside() {
        let sum = inside(
            || few_calls().expect("a filter"),
            || {
                let begun = std::time::Instant::now();
                let threads: Vec<_> = (0..4_u64)
                    .map(|number| std::thread::spawn(move || vec![number; 1 << 20].iter().sum::<u64>()))
                    .collect();
                let sum: u64 = threads.into_iter().map(|thread| thread.join().expect("a sum")).sum();
                assert!(begun.elapsed().as_nanos() > 0);
                sum
            },
        );
        assert_eq!(sum, 6 << 20);
    }

    #[test]
    fn a_fault_is_still_caught_inside() {
        let caught = inside(
            || few_calls().expect("a filter"),
            || std::panic::catch_unwind(|| assert_eq!(std::hint::black_box(1), 2, "a fault on purpose")).is_err(),
        );
        assert!(caught);
    }
}
