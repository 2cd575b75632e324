//! The command lines of a storm's programs.

use std::path::Path;

use super::{Guard, Side, Stage};
use crate::harness::launch::Launch;
use crate::harness::{publisher_at, subscriber_at};

/// Pictures a second.
const FPS: u32 = 60;

/// A camera that gives nothing: with it, a publisher has only its spool to deliver.
const IDLE_CAMERA: &str = "sleep 1000000";

impl Stage<'_> {
    pub(super) fn launch_publisher(&self) -> Launch {
        let settings = self.settings;
        let mut launch = publisher_at(&self.url(Side::Publisher))
            .env("RUST_LOG", "info,publisher=debug,rumqttc=off")
            .flags("--keep-alive 5 --protocol")
            .arg(settings.publisher_protocol)
            .arg("--format")
            .arg(settings.format())
            .arg("--source")
            .arg(format!("exec:{}", self.camera()));
        if self.guard == Guard::Receipts {
            launch = launch.flags("--confirm archive");
        }
        if self.guard != Guard::Nothing {
            launch = launch
                .arg("--spool-sync")
                .arg(settings.spool_sync)
                .arg("--spool-full")
                .arg(settings.spool_full)
                .arg("--spool-max-bytes")
                .arg(settings.spool_max_bytes.to_string())
                .arg("--spool-dir")
                .arg(self.spool_inside());
        }
        launch.inside(self.land.enter(Side::Publisher))
    }

    fn camera(&self) -> String {
        if self.is_calm {
            return IDLE_CAMERA.to_owned();
        }
        let records = self.records();
        let records = records.display();
        let camera = env!("CARGO_BIN_EXE_storm-source");
        format!("'{camera}' --fps {FPS} --records '{records}'")
    }

    pub(super) fn launch_subscriber(&self) -> Launch {
        let output = self.nth_output_inside(self.disks);
        let broker = if self.broker.is_embedded() {
            format!("embedded:127.0.0.1:{}", self.broker.port())
        } else {
            self.url(Side::Subscriber)
        };
        let mut launch = self.consumer(&broker, "archive", &output);
        if self.guard == Guard::Receipts {
            launch = launch.flags("--receipts --sync").arg(self.settings.sync);
        }
        launch.inside(self.land.enter(Side::Subscriber))
    }

    pub(super) fn launch_viewer(&self) -> Launch {
        self.consumer(
            &self.url(Side::Subscriber),
            "viewer",
            &self.viewer_output_inside(),
        )
        .inside(self.land.enter(Side::Subscriber))
    }

    fn consumer(&self, broker: &str, name: &str, output: &Path) -> Launch {
        subscriber_at(broker, output)
            .env("RUST_LOG", "info,subscriber=debug,rumqttc=off")
            .flags("--keep-alive 5 --protocol")
            .arg(self.settings.subscriber_protocol)
            .arg("--layout")
            .arg(self.settings.layout)
            .arg("--consumer")
            .arg(name)
    }

    fn url(&self, side: Side) -> String {
        format!("mqtt://127.0.0.1:{}", self.network(side).port())
    }
}
