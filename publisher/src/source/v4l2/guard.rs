//! The `v4l` crate panics where a driver answers what it does not expect. That must not end the program.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic of the crate becomes an error without an error number.
pub(super) fn guarded<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(io::Error::other("the driver's answer is not understood")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_the_crate_becomes_an_error_without_a_number() {
        let result = guarded::<()>(|| panic!("as query_caps does"));
        assert_eq!(result.expect_err("an error").raw_os_error(), None);
    }
}
