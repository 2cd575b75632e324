//! What every Framebridge program needs around its work: logging, the progress line, clean shutdown, the closing
//! summary, allocator tuning, child processes, locked folders, the service manager, certificates and keys, what a check-up asks of
//! a machine, and figures over HTTP. It knows nothing of frames or brokers.

pub mod allocator;
pub mod arguments;
pub mod child;
pub mod clock;
pub mod deadline;
pub mod disk;
pub mod disk_space;
pub mod exposition;
pub mod findings;
pub mod folder;
pub mod http;
pub mod latency;
pub mod latency_buckets;
pub mod logging;
pub mod metrics;
pub mod pem;
pub mod program;
pub mod progress;
pub mod rate;
pub mod service;
pub mod shutdown;
pub mod sibling;
pub mod summary;
#[cfg(windows)]
pub mod windows_service;
