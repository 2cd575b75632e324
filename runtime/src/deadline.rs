//! Waiting until a moment that may never come.

use tokio::time::{Instant, sleep_until};

/// Waits for `deadline`; for ever without one. Cancel-safe.
pub async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
