//! Whether somebody keeps this machine's clock right.

use crate::findings::Findings;

const CHECK: &str = "clock";

/// A clock that may be off by more than this is not kept, whatever the kernel's flag says: in milliseconds.
#[cfg(target_os = "linux")]
const MOST_MS: i64 = 1000;

/// What the kernel knows of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(target_os = "linux")]
struct Keeping {
    /// A time service has set it, and not long ago.
    is_kept: bool,
    /// By how much it may be off at most, as the time service reckons.
    most_ms: i64,
}

/// Enters whether the clock is kept by a time service. Only Linux is asked.
pub fn check(findings: &mut Findings) {
    #[cfg(target_os = "linux")]
    match ask() {
        Ok(keeping) => judge(findings, keeping),
        Err(error) => findings.warning(
            CHECK,
            format!("the kernel does not say whether it is kept: {error}"),
        ),
    }
    #[cfg(not(target_os = "linux"))]
    findings.ok(
        CHECK,
        "this system was not asked whether a time service keeps its clock: look into its settings",
    );
}

#[cfg(target_os = "linux")]
fn judge(findings: &mut Findings, keeping: Keeping) {
    let Keeping { is_kept, most_ms } = keeping;
    if !is_kept {
        findings.warning(
            CHECK,
            "no time service keeps it right, so frames may bear wrong times: sudo apt-get install systemd-timesyncd, or \
             chrony with `rtcsync`; `timedatectl` shows the state",
        );
    } else if most_ms > MOST_MS {
        findings.warning(
            CHECK,
            format!(
                "it was set by a time service, and may be off by {:.1} s since: does the service reach its server? \
                 `timedatectl` shows the state",
                most_ms as f64 / 1e3
            ),
        );
    } else {
        findings.ok(
            CHECK,
            format!("kept right by a time service, to {most_ms} ms by its own reckoning"),
        );
    }
}

/// Asks what `timedatectl` asks too, which is not everywhere.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "adjtimex has no safe wrapper")]
fn ask() -> std::io::Result<Keeping> {
    // SAFETY: all fields are integers, for which zero is a value; with `modes` 0 the call changes nothing.
    let (state, answer) = unsafe {
        let mut answer: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut answer), answer)
    };
    if state < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(Keeping {
        is_kept: state != libc::TIME_ERROR && answer.status & libc::STA_UNSYNC == 0,
        #[cfg_attr(
            target_pointer_width = "64",
            expect(
                clippy::useless_conversion,
                reason = "it has 32 bits on 32-bit machines"
            )
        )]
        most_ms: i64::from(answer.maxerror) / 1000,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn a_clock_that_nobody_keeps_is_told_with_what_to_do() {
        for (is_kept, most_ms, verdict, words) in [
            (true, 12, Verdict::Ok, "to 12 ms"),
            (true, 16_000, Verdict::Warning, "off by 16.0 s"),
            (false, 12, Verdict::Warning, "apt-get install"),
        ] {
            let mut findings = Findings::new(true);
            judge(&mut findings, Keeping { is_kept, most_ms });
            let finding = &findings.all()[0];
            assert_eq!(finding.verdict, verdict);
            assert!(finding.says.contains(words), "{}", finding.says);
        }
    }

    #[test]
    fn the_kernel_answers() {
        assert!(ask().unwrap().most_ms >= 0);
    }
}
