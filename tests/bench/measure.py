"""One run of one system under one load, and the figures that it gives."""
import datetime
import functools
import mmap
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import NamedTuple

from stage import REPOSITORY, Failed, Stage
from systems import start

FOOTAGE = REPOSITORY / "target/test-tools/footage/bigbuckbunny.mp4"
STAMP_BYTES = 64
# Made from the same clip: how ffmpeg scales it and what grain it adds, its quality, and how many pictures there are.
SIZES = {
    "120 KB": ("null", 3, 132),
    "300 KB": ("scale=1920:1080,noise=alls=2:allf=t", 2, 60),
    "1.5 MB": ("scale=3840:2160,noise=alls=8:allf=t", 3, 24),
}
# No run may take longer than this beyond what its pace asks for.
PATIENCE_SECONDS = 30
# After its sender a receiver that may have lost frames has this long for the rest.
QUIET_SECONDS = 2


@dataclass(frozen=True)
class Footage:
    """The same pictures as one MJPEG file and as a folder of files."""
    mjpeg: pathlib.Path
    folder: pathlib.Path
    sizes: tuple


@functools.cache
def footage(size):
    """Pictures of about `size`, made once."""
    filters, quality, count = SIZES[size]
    folder = REPOSITORY / "target/bench/footage" / size.replace(" ", "-")
    mjpeg = folder.parent / f"{folder.name}.mjpeg"
    if not mjpeg.exists():
        folder.mkdir(parents=True, exist_ok=True)
        ffmpeg = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
        subprocess.run([*ffmpeg, "-i", str(FOOTAGE), "-vf", filters, "-frames:v", str(count), "-c:v", "mjpeg", "-q:v", str(quality),
                        "-f", "mjpeg", f"{mjpeg}.part"], check=True)
        subprocess.run([*ffmpeg, "-f", "mjpeg", "-i", f"{mjpeg}.part", "-c", "copy", "-f", "image2", str(folder / "%03d.jpg")], check=True)
        os.replace(f"{mjpeg}.part", mjpeg)
    return Footage(mjpeg, folder, tuple(path.stat().st_size for path in sorted(folder.glob("*.jpg"))))


class Stored(NamedTuple):
    """A frame's file: times in seconds since 1970; `named` is when it got its final name."""
    camera: str
    number: int
    size: int
    capture: float
    named: float


def run(system, load, work, secrets):
    """Figures of one run: frames/s, MB/s, CPU seconds per 1,000 frames, peak memory, and each frame's latency. Raises `Failed`."""
    pictures = footage(load.size)
    frames = load.frames if load.fps else max(20, int(load.frames * system.share))
    with Stage(work, secrets) as stage:
        if not load.fps:
            touch_memory(frames * load.cameras * load.subscribers * max(pictures.sizes))
        between, receivers, send = start(stage, system, load, frames, pictures)
        began = time.time()
        senders = send()
        paced = frames / load.fps if load.fps else 0
        for process in senders:
            process.wait(paced + PATIENCE_SECONDS, beside=stage.processes)
        for receiver, _ in receivers:
            if receiver and system.may_lose:
                receiver.end_after(QUIET_SECONDS)
            elif receiver:
                receiver.wait(PATIENCE_SECONDS)
        if between:
            between.end(signal.SIGTERM)
        files = [file for _, out in receivers for file in stored(out)]
        check(system, load, files, frames, pictures)
        times = stamped(stage, receivers) if system.stamped else [(file.capture, file.named) for file in files]
        if len(times) != len(files):
            raise Failed(f"{len(times)} stamps for {len(files)} files")
        first, last = min(capture for capture, _ in times), max(named for _, named in times)
        if first < began - 1:
            raise Failed("a frame is older than its run")
        captured, count = frames * load.cameras, len(files)
        figures = {
            "frames": count,
            "captured": captured,
            "frames_per_second": count / (last - first),
            "megabytes_per_second": sum(file.size for file in files) / (last - first) / 1e6,
            "starting_seconds": max(first_captures(files).values()) - first,
            "publisher": cost(senders, captured),
            "latencies_ms": [(named - capture) * 1000 for capture, named in times],
        }
        if any(receiver for receiver, _ in receivers):
            figures["subscriber"] = cost([receiver for receiver, _ in receivers], count)
        if between:
            figures["broker"] = cost([between], captured)
        return figures


def touch_memory(size):
    """Has the memory ready that files will take: a virtual machine's host takes away what was free for some seconds, and gives it back slowly.
    The same run was seen a tenth slower after a pause than after another run."""
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def percentiles(latencies):
    """What is kept of them."""
    latencies = sorted(latencies)
    found = {f"{name}_ms": latencies[min(len(latencies) - 1, int(len(latencies) * share))]
             for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}
    return found | {"longest_ms": latencies[-1]}


def first_captures(files):
    """When each camera's first frame was captured: sixty-four processes do not start at once."""
    found = {}
    for file in files:
        found[file.camera] = min(file.capture, found.get(file.camera, file.capture))
    return found


def cost(processes, frames):
    return {
        "cpu_seconds_per_1000": sum(process.cost.cpu_seconds for process in processes) / frames * 1000,
        "peak_megabytes": max(process.cost.peak_bytes for process in processes) / 1e6,
    }


def stored(out):
    """The frames on disk, with the time of the final name as the file system has it."""
    for folder, _, names in os.walk(out):
        for name in names:
            if name.endswith(".jpg") and not name.startswith("."):
                status = os.stat(f"{folder}/{name}")
                capture, number = parts(name)
                yield Stored(os.path.relpath(folder, out).split("/")[0], number, status.st_size, capture, status.st_ctime)


@functools.lru_cache(maxsize=1)
def second_of(stamp):
    return datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=datetime.timezone.utc).timestamp()


def parts(name):
    """Capture time in seconds, and number: 20261122T143005.123456Z_..._000000123.jpg"""
    stem = name[:-len(".jpg")].split("_")
    second, fraction = stem[0].rstrip("Z").split(".")
    return second_of(second) + int(fraction) / 1e6, int(stem[-1])


def check(system, load, files, frames, pictures):
    """Every frame must be there with all its bytes; QoS 0 and PUB/SUB may lose some, which then do not count."""
    if not files:
        raise Failed("no frame is on disk")
    expected = frames * load.cameras * load.subscribers
    if len(files) != expected and not system.may_lose:
        raise Failed(f"{len(files)} of {expected} frames are on disk")
    for file in files:
        if file.size != pictures.sizes[(file.number - 1) % len(pictures.sizes)]:
            raise Failed(f"frame {file.number} has {file.size} bytes on disk")


def stamped(stage, receivers):
    """What the receivers wrote down when each file had its name: capture, and that."""
    found = []
    for nth, _ in enumerate(receivers):
        with open(stage.folder / f"stamps-{nth}", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stamps:
            for start_of in range(0, len(stamps), STAMP_BYTES):
                nanoseconds = int.from_bytes(stamps[start_of:start_of + 8], "little")
                if not nanoseconds:
                    break
                capture, _ = parts(stamps[start_of + 8:start_of + STAMP_BYTES].rstrip(b"\0").decode())
                found.append((capture, nanoseconds / 1e9))
    return found
