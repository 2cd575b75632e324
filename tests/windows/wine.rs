//! The Windows programs, under Wine. `make test-windows` builds them and prepares Wine.

use std::path::{Path, PathBuf};

use crate::harness::footage::prepared;
use crate::harness::launch::Launch;

/// `frame-subscriber.exe` without a word.
pub(crate) fn windows_subscriber() -> Launch {
    exe("subscriber", "frame-subscriber.exe")
}

/// A program that opens files for itself alone, as virus scanners do: see `tests/windows/hold.c`.
pub(crate) fn holder() -> Launch {
    exe("holder", "hold.exe")
}

/// `path` as Windows programs see it: Wine's drive Z: is the root folder.
pub(crate) fn windows_path(path: &Path) -> String {
    let path = path.to_str().expect("a path in UTF-8");
    format!("Z:{}", path.replace('/', "\\"))
}

fn exe(name: &'static str, file: &str) -> Launch {
    let folder: PathBuf = prepared("FRAMEBRIDGE_TEST_WINDOWS", "windows");
    Launch::new(name, "/usr/lib/wine/wine64")
        .arg(folder.join(file))
        .env("WINEPREFIX", folder.join("prefix"))
        .env("WINEDEBUG", "-all")
        .env("DISPLAY", "")
}
