"""Many cameras at the rate of real ones, for minutes: does the subscriber's memory stay, and what does a frame cost?"""
import json
import pathlib
import signal
import time

from measure import footage
from stage import PROGRAMS, Failed, Stage

SAMPLE_SECONDS = 5
KEEP_BYTES = "2GB"


def run(work, secrets, seconds, cameras):
    """Memory of the subscriber over time, its CPU a frame in the steady state, and the same for one camera."""
    many = watch(work, secrets, seconds, cameras)
    one = watch(work, secrets, min(60, seconds), 1)
    for name, found in (("64 cameras", many), ("one camera", one)):
        print(f"soak, {name}: {found['stored']} stored, {found['cpu_seconds_per_1000']:.3f} CPU seconds per 1,000", flush=True)
    return {"cameras": cameras, "seconds": seconds, "many": many, "one": one}


def watch(work, secrets, seconds, cameras):
    with Stage(work, secrets) as stage:
        broker, out = stage.start_broker(), stage.folder / "out"
        url = f"mqtt://127.0.0.1:{stage.port}"
        summary = stage.folder / "subscriber.json"
        subscriber = stage.start("subscriber", [PROGRAMS / "frame-subscriber", "--broker", url, "--out", out, "--keep-bytes", KEEP_BYTES,
                                                "--consumer", "soak", "--summary-json", summary])
        subscriber.wait_for_words("connected to")
        senders = [stage.start("publisher", [PROGRAMS / "frame-publisher", "--broker", url, "--camera", f"cam{nth}", "--source", footage("120 KB").mjpeg,
                                             "--loop", "--fps", "30", "--duration", f"{seconds}s", "--summary-json", stage.folder / f"cam{nth}.json"])
                   for nth in range(cameras)]
        began, samples = time.monotonic(), []
        while any([not sender.poll() for sender in senders]):
            if time.monotonic() - began > len(samples) * SAMPLE_SECONDS:
                samples.append(sample(subscriber.child.pid, time.monotonic() - began))
            if time.monotonic() - began > seconds * 2 + 120:
                raise Failed("the publishers did not end")
            time.sleep(0.1)
        time.sleep(1)
        subscriber.end(signal.SIGTERM, 60)
        broker.end()
        captured = [json.loads((stage.folder / f"cam{nth}.json").read_text()) for nth in range(cameras)]
        stored = json.loads(summary.read_text())["stored"]
        return {
            "captured": sum(books["captured"] for books in captured),
            "dropped": sum(books["dropped"] for books in captured),
            "stored": stored,
            "cpu_seconds_per_1000": subscriber.cost.cpu_seconds / max(1, stored) * 1000,
            "broker_cpu_seconds_per_1000": broker.cost.cpu_seconds / max(1, stored) * 1000,
            "samples": samples,
            "megabytes_a_minute": slope(samples),
        }


def sample(pid, seconds):
    """Seconds since the start, and resident megabytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return [round(seconds, 1), round(int(resident) * 1024 / 1e6, 1)]


def slope(samples):
    """Growth in megabytes a minute, by least squares, without the first minute (or the first half of a short run)."""
    begin = min(60, samples[-1][0] / 2)
    points = [(seconds / 60, megabytes) for seconds, megabytes in samples if seconds >= begin]
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
