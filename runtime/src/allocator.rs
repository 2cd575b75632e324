//! Keeps glibc from giving a frame's memory back to the system only to ask for it again with the next frame.
//!
//! Untuned, each frame costs five to nine page faults in every process that touches it.

/// Tunes glibc's allocator; does nothing elsewhere. To be called once, before the first frame.
pub fn keep_frame_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::tune();
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
}
