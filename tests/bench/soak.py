"""Many cameras at the rate of real ones, for minutes: does the subscriber's memory stay, and what does a frame cost?"""
import json
import os
import signal
import time

from measure import footage, parts
from stage import PROGRAMS, Failed, Stage, memory_of, stat_of

FPS = 30
SAMPLE_SECONDS = 5
# Of all cameras together; `--keep-bytes` is for each.
KEEP_BYTES = 2 * 10**9
# What one camera is watched for, at its pace and flat out.
ONE_SECONDS, FLAT_OUT_SECONDS = 30, 10
# A process's CPU time is counted in these.
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def seconds_of(seconds):
    """About how long all of it takes."""
    return seconds + min(ONE_SECONDS, seconds) + min(FLAT_OUT_SECONDS, seconds) + 15 if seconds else 0


def run(work, secrets, seconds, cameras):
    """Memory of the subscriber over time, its CPU a frame in the steady state, and the same for one camera, at its pace and flat out."""
    found = {"cameras": cameras, "seconds": seconds}
    for name, *watched in (("one", min(ONE_SECONDS, seconds), 1, FPS), ("flat_out", min(FLAT_OUT_SECONDS, seconds), 1, 0),
                           ("many", seconds, cameras, FPS)):
        found[name] = watch(work, secrets, *watched)
        print(f"soak, {watched[1]} camera(s), {f'{FPS} fps' if watched[2] else 'flat out'}: {found[name]['stored']:,} stored, "
              f"{found[name]['cpu_seconds_per_1000']:.3f} CPU seconds per 1,000", flush=True)
    return found


def watch(work, secrets, seconds, cameras, fps):
    with Stage(work, secrets) as stage:
        broker, out = stage.start_broker(), stage.folder / "out"
        url = f"mqtt://127.0.0.1:{stage.port}"
        summary = stage.folder / "subscriber.json"
        subscriber = stage.start("subscriber", [PROGRAMS / "frame-subscriber", "--broker", url, "--out", out, "--keep-bytes", KEEP_BYTES // cameras,
                                                "--consumer", "soak", "--summary-json", summary])
        subscriber.wait_for_words("connected to")
        senders = [stage.start("publisher", [PROGRAMS / "frame-publisher", "--broker", url, "--camera", f"cam{nth}", "--source", footage("120 KB").mjpeg,
                                             "--loop", "--fps", fps, "--duration", f"{seconds}s", "--summary-json", stage.folder / f"cam{nth}.json"])
                   for nth in range(cameras)]
        began, samples = time.monotonic(), []
        # The steady state: from when all have long begun until before the first ends.
        due, marks = [min(60, seconds / 2), seconds * 0.95], []
        while any([not sender.poll() for sender in senders]):
            elapsed = time.monotonic() - began
            if subscriber.poll() or broker.poll():
                raise Failed(f"it ended after {elapsed:.0f} s: {subscriber.words()[-200:]} {broker.words()[-200:]}")
            if elapsed > len(samples) * SAMPLE_SECONDS:
                samples.append([round(elapsed, 1), round(memory_of(subscriber.child.pid, "VmRSS") / 1e6, 1)])
            if len(marks) < len(due) and elapsed > due[len(marks)]:
                marks.append((cpu_seconds(subscriber), cpu_seconds(broker), newest_numbers(out)))
            if elapsed > seconds * 2 + 120:
                raise Failed("the publishers did not end")
            time.sleep(0.1)
        if any(sender.status for sender in senders):
            raise Failed(f"{sum(bool(sender.status) for sender in senders)} publishers failed: {senders[0].words()[-200:]}")
        if len(marks) < len(due):
            raise Failed("the publishers ended too early")
        # Flat out the broker still has frames for the subscriber.
        time.sleep(1)
        subscriber.end(signal.SIGTERM, 60)
        broker.end()
        captured = [json.loads((stage.folder / f"cam{nth}.json").read_text()) for nth in range(cameras)]
        steady = steady_state(*marks)
        return {
            "captured": sum(books["captured"] for books in captured),
            "dropped": sum(books["dropped"] for books in captured),
            "stored": json.loads(summary.read_text())["stored"],
            "cpu_seconds_per_1000": steady[0],
            "broker_cpu_seconds_per_1000": steady[1],
            "samples": samples,
            "megabytes_a_minute": slope(samples),
        }


def steady_state(first, last):
    """CPU seconds per 1,000 frames of subscriber and broker, between two marks."""
    frames = sum(last[2].values()) - sum(first[2].values())
    if frames <= 0:
        raise Failed("no frame came in the steady state")
    return [(after - before) / frames * 1000 for before, after in zip(first[:2], last[:2])]


def cpu_seconds(process):
    """Of a running process, so far."""
    fields = stat_of(process.child.pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def newest_numbers(out):
    """How far each camera has come. Older frames may be deleted already, and a folder may just have been made."""
    found = {}
    for camera in out.iterdir():
        for minute in sorted(camera.glob("*/*/*"), reverse=True):
            numbers = [parts(name)[1] for name in os.listdir(minute) if name.endswith(".jpg") and not name.startswith(".")]
            if numbers:
                found[camera.name] = max(numbers)
                break
    return found


def slope(samples):
    """Growth in megabytes a minute, by least squares, without the first minute (or the first half of a short run)."""
    begin = min(60, samples[-1][0] / 2)
    points = [(seconds / 60, megabytes) for seconds, megabytes in samples if seconds >= begin]
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
