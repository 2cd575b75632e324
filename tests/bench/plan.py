"""What is measured: sections of runs, each a system under a load."""
from dataclasses import replace

from systems import SYSTEMS, Load

TRIO = ["ours", "libmosquitto", "relay"]
PACED = ["ours", "ours-folder", "ours-json", "ours-tls", "ours-spool", "ours-receipts", "libmosquitto", "relay", "paho", "imagezmq-reqrep", "imagezmq-pubsub"]
SECONDS = {30: 6, 60: 4, 120: 3}

SECTIONS = {
    "flat-out": [(system, Load()) for system in SYSTEMS],
    "paced": [(system, Load(fps=fps, frames=fps * seconds)) for fps, seconds in SECONDS.items() for system in PACED
              if fps == 30 or system != "ours-folder"],
    "sizes": [(system, Load(size=size, frames=frames)) for size, frames in (("300 KB", 2500), ("1.5 MB", 500)) for system in TRIO],
    "cameras": [(system, Load(cameras=cameras, frames=6000 // cameras)) for cameras in (1, 4, 16, 64) for system in TRIO[:2]]
    + [(system, Load(cameras=64, fps=30, frames=180)) for system in TRIO[:2]],
    "subscribers": [(system, Load(subscribers=subscribers, frames=frames)) for subscribers, frames in ((1, 3000), (4, 1500), (16, 500))
                    for system in TRIO[:2]],
    "disk": [(system, Load(fps=fps, frames=frames)) for fps, frames in ((0, 3000), (30, 240)) for system in TRIO],
}


def seconds_of(runs):
    """About how long they take."""
    return sum((load.frames / load.fps if load.fps else 1.5) + 1.2 for _, load in runs)


def for_smoke(sections):
    """Every run once, with few frames."""
    return {name: [(system, replace(load, frames=max(4, load.frames // 100))) for system, load in runs] for name, runs in sections.items()}
