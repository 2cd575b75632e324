//! A USB webcam that is a program. Linux's own `vhci_hcd` plugs it in, and `uvcvideo` drives it as it drives one on a desk.
//!
//! It shows real footage, does what goes wrong with webcams when it is told to, and keeps a record of what it sent.
//! Ending it unplugs the camera. It uses nothing of the programs under test.

mod bus;
mod descriptors;
mod packets;
mod requests;
mod usbip;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bus::Bus;
use clap::Parser;
use descriptors::Format;
use packets::Pictures;
use requests::Requests;
use webcam::order::Order;
use webcam::picture::Footage;

const ATTACH: &str = "/sys/devices/platform/vhci_hcd.0/attach";
/// The first one of the hub.
const PORT: u32 = 0;
/// Bus 1, device 2: of no meaning, but not 0.
const DEVICE: u32 = 0x0001_0002;
const HIGH_SPEED: u32 = 3;

/// A port of the hub is free again a moment after its device is gone.
const PORT_PATIENCE: Duration = Duration::from_secs(10);

/// Plugs in a webcam, and unplugs it when it ends.
#[derive(Parser)]
struct Cli {
    /// Folder of JPEG files to show
    #[arg(long)]
    footage: PathBuf,
    /// Where it listens for orders
    #[arg(long)]
    orders: PathBuf,
    /// Where it writes what it sent
    #[arg(long)]
    record: PathBuf,
    /// What it offers
    #[arg(long, value_enum, default_value = "mjpg")]
    format: Format,
    /// What it is called
    #[arg(long, default_value = "Framebridge Webcam")]
    product: String,
    /// The number of its first picture
    #[arg(long, default_value_t = 0)]
    first_number: u32,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let footage = Footage::read(&cli.footage).context("failed to read the footage")?;
    let record = File::create(&cli.record).context("failed to make the record")?;
    let orders = UnixDatagram::bind(&cli.orders).context("failed to listen for orders")?;
    let (ours, kernels) = UnixStream::pair()?;
    let requests = Requests::new(cli.format, cli.product);
    let bus = Bus::new(
        ours.try_clone()?,
        requests,
        Pictures::new(footage, cli.first_number),
        record,
    );
    plug_in(&kernels)?;
    drop(kernels);
    thread::scope(|threads| {
        threads.spawn(|| end_on_failure(bus.carry()));
        threads.spawn(|| {
            loop {
                match Order::receive(&orders) {
                    Ok(order) => bus.obey(order),
                    Err(error) => end_on_failure(Err(error)),
                }
            }
        });
        end_on_failure(bus.serve(ours));
    });
    Ok(())
}

fn plug_in(kernels: &UnixStream) -> anyhow::Result<()> {
    let words = format!("{PORT} {} {DEVICE} {HIGH_SPEED}", kernels.as_raw_fd());
    let start = Instant::now();
    loop {
        match fs::write(ATTACH, &words) {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() >= PORT_PATIENCE => {
                return Err(error).context("failed to plug in");
            }
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// No thread of this program can go on alone.
fn end_on_failure(result: std::io::Result<()>) {
    if let Err(error) = result {
        eprintln!("the cable is cut: {error}");
        std::process::exit(1);
    }
}
