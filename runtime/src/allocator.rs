//! Keeps glibc from giving a frame's memory back to the system only to ask for it again with the next frame.
//!
//! Untuned, each frame costs five to nine page faults in every process that touches it. Tuned, the heap would stay as large
//! as the longest backlog has made it: what it has in excess goes back once a minute.

use std::time::Duration;

/// How long memory that nobody uses is kept. To find it again costs a frame 30 page faults, once in so long.
const GIVE_BACK_EVERY: Duration = Duration::from_mins(1);

/// Tunes glibc's allocator; does nothing elsewhere. To be called once, before the first frame.
pub fn keep_frame_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::tune();
}

/// Gives memory back that nobody uses, now and then, for as long as it is polled. A thread of its own would make each
/// allocation of a program that has no other a little dearer.
pub(crate) async fn give_back_regularly() {
    loop {
        tokio::time::sleep(GIVE_BACK_EVERY).await;
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        glibc::give_back();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// Blocks below this come from the heap, not from `mmap`. The largest value that glibc accepts on 64-bit systems.
    const MMAP_THRESHOLD_BYTES: libc::c_int = 32 << 20;
    /// The heap's free top is given back only beyond this.
    const TRIM_THRESHOLD_BYTES: libc::c_int = 512 << 20;
    /// The heap grows by this much at once.
    const TOP_PAD_BYTES: libc::c_int = 16 << 20;

    #[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
    pub(super) fn tune() {
        // SAFETY: mallopt only sets numbers in the allocator, takes its own lock, and ignores values it dislikes.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES);
            libc::mallopt(libc::M_TOP_PAD, TOP_PAD_BYTES);
        }
    }

    /// Gives all pages back that hold nothing, wherever in the heap they are.
    #[expect(unsafe_code, reason = "malloc_trim has no safe wrapper")]
    pub(super) fn give_back() {
        // SAFETY: malloc_trim only looks at free memory, and takes the allocator's own lock.
        unsafe {
            libc::malloc_trim(0);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Resident memory of this process in bytes.
        fn resident() -> usize {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
            kilobytes.unwrap().parse::<usize>().unwrap() * 1024
        }

        #[test]
        fn what_a_backlog_has_taken_is_kept_for_the_next_and_then_given_back() {
            const FRAMES: usize = 400;
            const FRAME_BYTES: usize = 128 << 10;
            tune();
            let before = resident();
            let mut backlog: Vec<_> = (0..FRAMES).map(|_| vec![1_u8; FRAME_BYTES]).collect();
            // What lives on lies behind it: the heap's end alone would not do.
            let survivor = backlog.split_off(FRAMES - 1);
            drop(backlog);
            let kept = resident() - before;
            assert!(kept > FRAMES * FRAME_BYTES / 2, "{kept} bytes are kept");
            give_back();
            let left = resident().saturating_sub(before);
            // Other tests take memory at the same time.
            assert!(left < FRAMES * FRAME_BYTES / 4, "{left} bytes are left");
            drop(survivor);
        }
    }
}
