//! A camera for the storm: an MJPEG stream on standard output in which no picture is like another, ever.
//!
//! Each picture says in a comment which run it is of and which number it has, and stands in the run's record before its
//! first byte is written. So whoever finds a file later can tell whether it is what the camera gave. It runs until
//! nobody reads or a signal ends it. It uses nothing of the programs under test.

mod label;

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;
use jpeg_encoder::{ColorType, Encoder};
use label::{Label, record_file, record_line};

/// Every so many pictures one is large.
const LARGE_EVERY: u64 = 40;
/// Longest filling behind a label: it makes the pictures' lengths differ.
const MAX_FILLING: usize = 3000;

/// Emits pictures that can be told apart, and keeps a record of them.
#[derive(Parser)]
struct Cli {
    /// Folder for the record of this run
    #[arg(long)]
    records: PathBuf,
    /// Pictures a second
    #[arg(long, default_value_t = 60.0)]
    fps: f64,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The publisher was killed: that is what it is there for.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> io::Result<()> {
    let run = fastrand::u64(..);
    let mut record = File::create_new(cli.records.join(record_file(run)))?;
    let mut stdout = io::stdout();
    let backgrounds = [noise(96, 64, 60), noise(160, 120, 50), noise(480, 360, 85)];
    let interval = Duration::from_secs_f64(1.0 / cli.fps);
    let mut due = Instant::now();
    for number in 1.. {
        let background = match number % LARGE_EVERY {
            0 => 2,
            nth => usize::from(nth % 3 == 0),
        };
        let label = Label { run, number };
        let picture = label.put_into(&backgrounds[background], &filling());
        // In this order: what is seen anywhere stands in the record.
        record.write_all(record_line(number, &picture).as_bytes())?;
        stdout.write_all(&picture)?;
        stdout.flush()?;
        // A camera does not catch up on what it could not give.
        due = (due + interval).max(Instant::now());
        sleep(due - Instant::now());
    }
    Ok(())
}

/// Any bytes: even what looks like markers belongs to the comment. Only the last one is no half of a marker: a comment
/// that ends with SOI looks like a torn one with the next picture behind it, and that is what the publisher takes it for.
fn filling() -> Vec<u8> {
    let mut filling: Vec<u8> = (0..fastrand::usize(..MAX_FILLING))
        .map(|_| fastrand::u8(..))
        .collect();
    filling.push(b'.');
    filling
}

/// A picture that does not compress well.
fn noise(width: u16, height: u16, quality: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height) * 3)
        .map(|_| fastrand::u8(..))
        .collect();
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, quality)
        .encode(&pixels, width, height, ColorType::Rgb)
        .expect("the size fits the pixels");
    jpeg
}
