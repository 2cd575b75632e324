"""What is measured: sections of runs, each a system under a load."""
from dataclasses import replace

from systems import SYSTEMS, Load

TRIO = ["ours", "libmosquitto", "relay"]
PACED = ["ours", "ours-folder", "ours-json", "ours-tls", "ours-spool", "ours-receipts", "libmosquitto", "relay", "paho", "imagezmq-reqrep", "imagezmq-pubsub"]
SECONDS = {30: 5, 60: 3, 120: 2}

SECTIONS = {
    "flat-out": [(system, Load()) for system in SYSTEMS],
    "paced": [(system, Load(fps=fps, frames=fps * seconds)) for fps, seconds in SECONDS.items() for system in PACED
              if fps == 30 or system != "ours-folder"],
    "sizes": [(system, Load(size=size, frames=frames)) for size, frames in (("120 KB", 6000), ("300 KB", 2500), ("1.5 MB", 500)) for system in TRIO],
    "cameras": [(system, Load(cameras=cameras, frames=6000 // cameras)) for cameras in (1, 4, 16, 64) for system in TRIO[:2]]
    + [(system, Load(cameras=64, fps=30, frames=240)) for system in TRIO[:2]],
    "subscribers": [(system, Load(subscribers=subscribers, frames=frames)) for subscribers, frames in ((1, 3000), (4, 1500), (16, 500))
                    for system in TRIO[:2]],
    "disk": [(system, Load(fps=fps, frames=frames)) for fps, frames in ((0, 3000), (30, 240)) for system in TRIO],
}


# What a run takes beside its frames: programs start, files are counted and removed.
BESIDE_SECONDS = 1.0
MEGABYTES = {"120 KB": 0.12, "300 KB": 0.3, "1.5 MB": 1.5}
# Of files, flat out: what the slower systems manage, which also send fewer frames.
MEGABYTES_PER_SECOND = 500


def seconds_of(runs):
    """About how long they take."""
    files = sum(load.frames * load.cameras * load.subscribers * MEGABYTES[load.size] for _, load in runs if not load.fps)
    return BESIDE_SECONDS * len(runs) + files / MEGABYTES_PER_SECOND + sum(load.frames / load.fps for _, load in runs if load.fps)


class TimeLeft:
    """How long all the rest will take, from how long it took so far what was thought to take how long."""

    def __init__(self, planned_seconds):
        self.planned, self.done, self.took = planned_seconds, 0.0, 0.0

    def is_done(self, planned_seconds, took):
        self.done += planned_seconds
        self.took += took

    def seconds(self):
        # Little has been seen of it at first: what was planned counts like a minute of experience.
        pace = (self.took + 60) / (self.done + 60)
        return max(0.0, self.planned - self.done) * pace

    def words(self):
        seconds = self.seconds()
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"


def for_smoke(sections):
    """Every run once, with few frames."""
    return {name: [(system, replace(load, frames=max(4, load.frames // 100))) for system, load in runs] for name, runs in sections.items()}
