//! Programs that we start and that must not outlive us.

use std::process::Command;

/// Makes the program end when the thread that starts it does, however that comes about: even a `kill -9` of ours.
///
/// It is a signal to the program alone, not to what that starts in turn. Only Linux has it; elsewhere this does nothing.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "code between fork and exec must be async-signal-safe, and the compiler cannot check that"
)]
pub fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    let parent = std::process::id();
    let ask_for_signal = move || {
        // SAFETY: prctl with PR_SET_PDEATHSIG reads only the integer that it is given.
        let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
        if asked != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: getppid has no conditions. It tells whether we had died before the signal was asked for.
        let parent_now = unsafe { libc::getppid() };
        if u32::try_from(parent_now) != Ok(parent) {
            return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure only makes two system calls and builds errors from numbers: it takes no lock and allocates
    // nothing, as is demanded between fork and exec.
    unsafe { command.pre_exec(ask_for_signal) };
}

/// Does nothing: only Linux can do this.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent(_command: &mut Command) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    #[test]
    fn a_child_dies_with_the_thread_that_started_it() {
        let started = std::thread::spawn(|| {
            let mut sleeper = Command::new("sleep");
            sleeper.arg("600");
            die_with_parent(&mut sleeper);
            sleeper.spawn().unwrap()
        });
        let mut child = started.join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    }
}
