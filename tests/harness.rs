//! What the tests stand on: a real broker, real footage, the real programs, and folders to look into.

pub(crate) mod broker;
pub(crate) mod browser;
pub(crate) mod camera;
pub(crate) mod certificates;
pub(crate) mod controlling;
pub(crate) mod event;
pub(crate) mod eventually;
pub(crate) mod folder;
pub(crate) mod footage;
pub(crate) mod http;
pub(crate) mod launch;
pub(crate) mod manager;
pub(crate) mod namespace;
pub(crate) mod outcome;
pub(crate) mod ports;
pub(crate) mod program;
pub(crate) mod scene;
pub(crate) mod scraping;

use std::path::Path;

use broker::Broker;
use launch::Launch;

/// `frame-publisher` without a word.
pub(crate) fn bare_publisher() -> Launch {
    Launch::new("publisher", env!("CARGO_BIN_EXE_publisher-under-test"))
}

/// `frame-subscriber` without a word.
pub(crate) fn bare_subscriber() -> Launch {
    Launch::new("subscriber", env!("CARGO_BIN_EXE_subscriber-under-test"))
}

/// `frame-publisher` for a broker, as the camera `door`, leaving its figures.
pub(crate) fn publisher(broker: &Broker) -> Launch {
    publisher_at(&broker.url())
}

/// [`publisher`] for a broker at `url`.
pub(crate) fn publisher_at(url: &str) -> Launch {
    bare_publisher()
        .arg("--broker")
        .arg(url)
        .env("FRAMEBRIDGE_CAMERA", "door")
        .with_summary()
}

/// `frame-subscriber` for a broker and a folder, leaving its figures.
pub(crate) fn subscriber(broker: &Broker, out: &Path) -> Launch {
    subscriber_at(&broker.url(), out)
}

/// [`subscriber`] for a broker at `url`.
pub(crate) fn subscriber_at(url: &str, out: &Path) -> Launch {
    bare_subscriber()
        .arg("--broker")
        .arg(url)
        .arg("--out")
        .arg(out)
        .with_summary()
}

/// Mosquitto's own subscriber.
pub(crate) fn mosquitto_sub(broker: &Broker) -> Launch {
    Launch::new("mosquitto_sub", "mosquitto_sub").flags(&format!("-p {}", broker.port()))
}

/// Mosquitto's own publisher.
pub(crate) fn mosquitto_pub(broker: &Broker) -> Launch {
    Launch::new("mosquitto_pub", "mosquitto_pub").flags(&format!("-p {}", broker.port()))
}
