//! Whether the source gives a picture.

use std::time::Duration;

use bytesize::ByteSize;
use protocol::jpeg::{self, Unprepared};
use runtime::findings::Findings;
use tokio::time::timeout;

use crate::config::RunArgs;
use crate::source::{Captured, FrameSource, SourceOptions, SourceSpec};

const CHECK: &str = "camera";

/// A program or an HTTP camera may take its time to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a picture, and throws it away. Gives its size in bytes, as it would be published.
pub(super) async fn check(
    findings: &mut Findings,
    run: &RunArgs,
    options: SourceOptions,
) -> Option<usize> {
    let max_frame_bytes = options.max_frame_bytes;
    let (what, picture) = match &run.source.source {
        #[cfg(target_os = "linux")]
        SourceSpec::V4l2(path) => v4l2::take(findings, path, options).await?,
        source => {
            let picture = first_picture(source, &options).await;
            let picture = picture.map_err(|why| findings.error(CHECK, format!("{source}: {why}")));
            (source.to_string(), picture.ok()?)
        }
    };
    judge(findings, &what, picture, max_frame_bytes)
}

/// Checks and repairs it as a run would.
fn judge(
    findings: &mut Findings,
    what: &str,
    picture: Unprepared,
    max_frame_bytes: usize,
) -> Option<usize> {
    match jpeg::prepare(picture, max_frame_bytes) {
        Ok(picture) => {
            let bytes = picture.jpeg.len();
            findings.ok(
                CHECK,
                format!(
                    "{what}: a picture of {}x{} pixels and {} was taken",
                    picture.width,
                    picture.height,
                    ByteSize(bytes as u64)
                ),
            );
            Some(bytes)
        }
        Err(error) => {
            findings.error(
                CHECK,
                format!("{what}: the picture taken is of no use: {error}"),
            );
            None
        }
    }
}

/// The first that is one. What the source heals it says in the log.
async fn first_picture(source: &SourceSpec, options: &SourceOptions) -> Result<Unprepared, String> {
    let in_words = |error: anyhow::Error| format!("{error:#}");
    let mut frames = FrameSource::open(source, options).map_err(in_words)?;
    let taking = async {
        loop {
            match frames.next().await.map_err(in_words)? {
                Captured::Picture(picture) => return Ok(picture.jpeg),
                Captured::Broken(error) => tracing::warn!("a broken picture is skipped: {error}"),
                Captured::End => return Err("it ended before its first picture".to_owned()),
            }
        }
    };
    let waited = timeout(PATIENCE, taking).await;
    waited.unwrap_or_else(|_| {
        Err(format!(
            "no picture within {} s: is it running, and does it give MJPEG?",
            PATIENCE.as_secs()
        ))
    })
}

#[cfg(target_os = "linux")]
mod v4l2 {
    use std::path::Path;

    use super::{CHECK, Findings, SourceOptions, Unprepared};
    use crate::source::{OwnCamera, Trial, try_camera};

    /// What the camera is called, and a picture; `None`: it is told why there is none.
    pub(super) async fn take(
        findings: &mut Findings,
        path: &Path,
        options: SourceOptions,
    ) -> Option<(String, Unprepared)> {
        let (camera, size) = (path.to_owned(), options.resolution);
        // Each of a camera's answers may take seconds.
        let tried = tokio::task::spawn_blocking(move || try_camera(&camera, &options)).await;
        let shown = path.display();
        let why = match tried {
            Ok(Ok(trial)) => return Some(tell(findings, path, trial)),
            Ok(Err(why)) => why,
            Err(died) => format!("asking it failed: {died}"),
        };
        if let Some(process) = used_by_a_run(path, &why) {
            findings.warning(
                CHECK,
                format!(
                    "{shown} is in use by the frame-publisher that runs here (process {process}): its log says how it gets on, \
                     or stop it and ask again"
                ),
            );
            return None;
        }
        // For some troubles it is part of the line already.
        let own = OwnCamera::look(Path::new("/")).hint(size);
        let own = own.filter(|_| !why.contains("rpicam-vid"));
        let own = own.map_or_else(String::new, |hint| format!("; {hint}"));
        findings.error(CHECK, format!("{shown}: {why}{own}"));
        None
    }

    fn tell(findings: &mut Findings, path: &Path, trial: Trial) -> (String, Unprepared) {
        let what = match &trial.name {
            Some(name) => format!("{} ({name})", path.display()),
            None => path.display().to_string(),
        };
        if let Some(difference) = trial.difference {
            findings.warning(CHECK, format!("{what}: {difference}"));
        }
        (format!("{what}, {}", trial.mode), trial.jpeg.into())
    }

    /// One that bears the device's path in its command line, as far as that can be seen.
    fn used_by_a_run(path: &Path, why: &str) -> Option<u32> {
        let is_in_use = why.contains("in use by another program");
        is_in_use
            .then(|| runtime::sibling::running_as(path.to_str()?))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use runtime::findings::Verdict;

    use super::*;
    use crate::source::fixture;

    async fn found(source: &str) -> (Verdict, String, Option<usize>) {
        let source: SourceSpec = source.parse().unwrap();
        let mut findings = Findings::new(true);
        let options = fixture::options();
        let bytes = match first_picture(&source, &options).await {
            Ok(picture) => judge(&mut findings, "it", picture, options.max_frame_bytes),
            Err(why) => {
                findings.error(CHECK, why);
                None
            }
        };
        let finding = findings.all()[0].clone();
        (finding.verdict, finding.says, bytes)
    }

    #[tokio::test]
    async fn a_picture_is_told_with_its_size() {
        let (verdict, says, bytes) = found("test").await;
        assert_eq!(verdict, Verdict::Ok);
        assert!(says.contains("320x240 pixels"), "{says}");
        assert!(bytes.is_some_and(|bytes| bytes > 1000), "{bytes:?}");
    }

    #[tokio::test]
    async fn a_source_without_a_picture_is_an_error() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        for source in ["no/such/file.mjpeg", empty.path().to_str().unwrap()] {
            let (verdict, says, bytes) = found(source).await;
            assert_eq!((verdict, bytes), (Verdict::Error, None), "{says}");
        }
    }
}
