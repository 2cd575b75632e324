//! With real small programs.

use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::super::fixture::{PATIENCE, drain, options, picture};
use super::*;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A folder with `clip`, an MJPEG file of `shades`.
fn folder_with_clip(shades: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let clip: Vec<_> = shades.iter().map(|&shade| picture(shade)).collect();
    let path = folder.path().join("clip");
    fs::write(&path, clip.concat()).unwrap();
    (folder, path)
}

fn source_of(words: &[&str]) -> ExecSource {
    let words: Vec<_> = words.iter().copied().map(String::from).collect();
    let wait = Duration::from_millis(1);
    ExecSource::with_waits(&words, &options(), wait, wait)
}

/// Runs `script` in the folder of `clip`.
fn shell(script: &str, clip: &Path) -> ExecSource {
    let folder = clip.parent().unwrap().display();
    source_of(&["sh", "-c", &format!("cd '{folder}'; {script}")])
}

async fn next(source: &mut ExecSource) -> anyhow::Result<Captured> {
    timeout(PATIENCE, source.next()).await.unwrap()
}

async fn shade_is(source: &mut ExecSource, shade: u8) {
    match next(source).await.unwrap() {
        Captured::Picture(raw) => assert_eq!(raw.jpeg.bytes(), &picture(shade)),
        other => panic!("not a picture: {other:?}"),
    }
}

#[tokio::test]
async fn the_stream_is_over_when_the_program_ends_well() {
    let (_folder, clip) = folder_with_clip(&[1, 2, 3]);
    let mut source = source_of(&["cat", clip.to_str().unwrap()]);
    let pictures = drain(async || next(&mut source).await).await;
    assert_eq!(pictures, [1, 2, 3].map(picture));
    assert!(matches!(next(&mut source).await.unwrap(), Captured::End));
}

#[tokio::test]
async fn a_program_that_fails_or_is_killed_is_started_again() {
    let (_folder, clip) = folder_with_clip(&[1]);
    let script = "cat clip; if [ -e second ]; then exit 0; fi; \
                  if [ -e first ]; then touch second; kill -9 $$; fi; touch first; exit 3";
    let mut source = shell(script, &clip);
    let pictures = drain(async || next(&mut source).await).await;
    assert_eq!(pictures, [1, 1, 1].map(picture));
}

#[tokio::test]
async fn a_picture_cut_by_the_end_of_the_program_is_broken() {
    let (_folder, clip) = folder_with_clip(&[1, 2]);
    let mut source = shell("cat clip; head -c 100 clip; exit 0", &clip);
    shade_is(&mut source, 1).await;
    shade_is(&mut source, 2).await;
    let cut = next(&mut source).await.unwrap();
    assert!(matches!(cut, Captured::Broken(_)), "{cut:?}");
    assert!(matches!(next(&mut source).await.unwrap(), Captured::End));
}

#[tokio::test]
async fn a_program_that_cannot_be_run_or_gives_nothing_is_an_error() {
    let (_folder, clip) = folder_with_clip(&[1]);
    for (words, expected) in [
        (&["no-such-program-anywhere"][..], "no program"),
        (&[clip.to_str().unwrap()][..], "executable"),
        (
            &["sh", "-c", "echo wrong options >&2"][..],
            "(wrong options)",
        ),
    ] {
        let error = next(&mut source_of(words)).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
}

/// Ends once nobody holds the FIFO open any more for writing.
fn read_fifo(folder: &TempDir) -> JoinHandle<usize> {
    let fifo = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    tokio::task::spawn_blocking(move || {
        let mut fifo = File::open(fifo).unwrap();
        fifo.read_to_end(&mut Vec::new()).unwrap()
    })
}

/// The program that `script` becomes and all its children have the FIFO open.
async fn assert_all_gone_after_drop(script: &str) {
    let (folder, clip) = folder_with_clip(&[1]);
    let reader = read_fifo(&folder);
    let mut source = shell(&format!("exec 3>fifo; {script}"), &clip);
    shade_is(&mut source, 1).await;
    assert!(!reader.is_finished());
    drop(source);
    timeout(PATIENCE, reader).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dropped_source_takes_the_program_and_its_children_with_it() {
    assert_all_gone_after_drop("sleep 600 & cat clip; wait").await;
}

#[tokio::test]
async fn a_program_that_will_not_end_is_made_to() {
    assert_all_gone_after_drop("trap '' TERM; sleep 600 & cat clip; wait").await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_goes_before_it_is_started_again() {
    let (folder, clip) = folder_with_clip(&[1]);
    let reader = read_fifo(&folder);
    let script = "if [ -e first ]; then cat clip; exec sleep 600; fi; touch first; exec 3>fifo; \
                  sleep 600 >&- 2>&- & exec cat clip no-such-file";
    let mut source = shell(script, &clip);
    shade_is(&mut source, 1).await;
    assert!(!reader.is_finished());
    shade_is(&mut source, 1).await;
    timeout(PATIENCE, reader).await.unwrap().unwrap();
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_the_program_says_on_standard_error_is_in_the_log() {
    let log = Log::default();
    let copy = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || copy.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (_folder, clip) = folder_with_clip(&[1]);
    let script = "echo opening http://me:hunter2@cam >&2; cat clip; \
                  if [ -e first ]; then exit 0; fi; touch first; echo no more >&2; exit 7";
    let mut source = shell(script, &clip);
    drain(async || next(&mut source).await).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("INFO exec: opening http://me:***@cam"),
        "{log}"
    );
    assert!(!log.contains("hunter2"), "{log}");
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("exit status: 7 (no more)"), "{log}");
    assert!(log.contains("gives pictures after an outage"), "{log}");
}
