"""docs/PERFORMANCE.md: tables and plots of what was measured."""
import datetime
import json
import pathlib
import platform
import re
import subprocess
from importlib import metadata

import count_instructions
import plots
from stage import REPOSITORY
from systems import SYSTEMS, Load
from targets import TARGETS, by_round, median, ratios

REPORT = "PERFORMANCE.md"
FIGURES = "performance/figures.json"
REMARKS = pathlib.Path(__file__).with_name("remarks.md")


def about(work, rounds):
    """The machine and the versions, for who wants to know or to compare."""
    def first(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]
        except OSError:
            return "?"

    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    library = first("dpkg-query", "-W", "-f", "${Version}", "libmosquitto-dev")
    return {
        "date": datetime.date.today().isoformat(),
        "commit": first("git", "-C", REPOSITORY, "rev-parse", "--short", "HEAD"),
        "cores": len(__import__("os").sched_getaffinity(0)),
        "processor": cpu[1] if cpu else platform.machine(),
        "kernel": platform.release().split("-")[0],
        "file_system": first("stat", "--file-system", "--format=%T", work),
        "rounds": rounds,
        "versions": {
            "rustc": first("rustc", "--version").split(" (")[0].replace("rustc ", ""),
            "Mosquitto": first("mosquitto", "-h").removeprefix("mosquitto version "),
            "libmosquitto": library,
            **{name: metadata.version(name) for name in ("paho-mqtt", "imagezmq", "pyzmq")},
            "OpenSSH": first("ssh", "-V").split(",")[0].removeprefix("OpenSSH_"),
        },
    }


def write(out, figures):
    (out / "performance").mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps(figures, indent=1, default=str) + "\n")
    drawn = plots.draw(out / "performance", figures)
    parts = ["# Performance", introduction(figures["about"]), "## Targets", targets(figures), REMARKS.read_text().strip()]
    for name, title in TITLES.items():
        if name in figures["sections"]:
            section = figures["sections"][name]
            parts += [f"## {title}", *(f"![{title}](performance/{plot})" for plot in drawn.get(name, [])), *tables(section)]
            if section["failures"]:
                parts.append(f"{len(section['failures'])} runs gave no figure and were tried again:\n\n"
                             + "\n".join(f"- {words}" for words in section["failures"]))
    if "soak" in figures:
        parts += ["## 64 cameras for ten minutes", *(f"![Memory over time](performance/{plot})" for plot in drawn.get("soak", [])), soak(figures["soak"])]
    counted = out / "performance/instructions.json"
    if counted.exists():
        parts += ["## Instructions a frame", INSTRUCTIONS, count_instructions.markdown(json.loads(counted.read_text()))]
    (out / REPORT).write_text("\n\n".join(parts) + "\n")


TITLES = {
    "flat-out": "Flat out",
    "paced": "At a camera's pace",
    "sizes": "Larger frames",
    "cameras": "Many cameras into one subscriber",
    "subscribers": "One camera into many subscribers",
    "disk": "On a disk",
}

INSTRUCTIONS = """\
Counted with `valgrind --tool=callgrind` (`make instructions`), user space only; the kernel's part, sockets and files, is the larger one and is not in
it. Copying is counted apart, as times that a frame's bytes are copied. CI fails when a case exceeds its budget (`tests/bench/instruction-budget.json`)."""


def introduction(about):
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"""\
Written by `make bench` on {about["date"]}, of commit {about["commit"]}. {about["cores"]} cores of {about["processor"]}, Linux {about["kernel"]}; files on
{about["file_system"]} but for the section on a disk. {versions}.

Every system sends the same pictures (1280x720 footage, 124 KB in the mean; 300 KB and 1.5 MB from the same clip, enlarged) over loopback and writes each to
a file of its own, under another name first. All MQTT goes through the same Mosquitto, configured as `broker-config/local.conf` but for the length of its
queue, with the memory settings that broker-config/README.md advises. {about["rounds"]} rounds, each with every system once, in an order of its own;
shown are medians, and ratios are medians of the ratios within each round. The machine's few cores are shared by sender, broker and receiver: flat out, what
counts is the CPU time of all three together.

- Frames are counted on disk, with their size: what a sender dropped does not make it fast. Every run must bring all of them, but for MQTT's
  QoS 0 and ZeroMQ's PUB/SUB, which promise nothing.
- Frames/s is from the first frame's capture to the last file's final name. Latency is from the capture to the final name, on one clock, noted by the receiver itself
  (`tests/bench/peers/stamps.c`); for scp, the file's own time.
- CPU is user and system time of the whole process, start and end included; memory is its peak.
- The peers read their pictures into memory first; so does our publisher with a looped clip, except in the row that says otherwise. Peers check nothing; we sum (CRC-32C)
  and check every frame at both ends, and keep an index. libmosquitto acknowledges a message before its callback has written the file; we acknowledge the file."""


def number(value, digits=3):
    """Three digits that count."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, digits - len(str(int(value))))}f}" if value >= 1 else f"{value:.{digits}f}"


def targets(figures):
    lines = ["| against | target | measured | from ... to | |", "|---|---|---|---|---|"]
    for target in TARGETS:
        found = sorted(target.ratios(figures["sections"]))
        if found:
            middle = sorted(found)[len(found) // 2] if len(found) % 2 else (found[len(found) // 2 - 1] + found[len(found) // 2]) / 2
            verdict = "met" if target.met(middle) else "**missed**"
            bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g} x"
            lines.append(f"| {target.what} | {bound} | {number(middle)} x | {number(found[0])} ... {number(found[-1])} | {verdict} |")
    if "soak" in figures:
        many, one = figures["soak"]["many"], figures["soak"]["one"]
        growth, ratio = many["megabytes_a_minute"], many["cpu_seconds_per_1000"] / one["cpu_seconds_per_1000"]
        lines.append(f"| memory with {figures['soak']['cameras']} cameras at 30 fps | flat | {growth:+.2f} MB a minute | | {'met' if growth < 1 else '**missed**'} |")
        lines.append(f"| subscriber's CPU a frame with them against one camera | at most 1.25 x | {number(ratio)} x | | {'met' if ratio <= 1.25 else '**missed**'} |")
    return "\n".join(lines)


def tables(section):
    """One for each load."""
    loads = []
    for run in section["runs"]:
        load = {name: value for name, value in run["load"].items() if name != "frames"}
        if load not in loads:
            loads.append(load)
    for load in loads:
        yield table(section, load)


def table(section, load):
    words = Load(frames=0, **load).words()
    ours = by_round(section, "ours", **load)
    lines = [f"**{words.replace(' to ', ' camera(s) to ')} subscriber(s)**\n",
             "| | frames/s | MB/s | against ours | CPU s/1,000: publisher | broker | subscriber | peak MB: publisher | broker | subscriber | p50 ms | p99 | p99.9 |",
             "|---|" + "---:|" * 12]
    for run in section["runs"]:
        if all(run["load"][name] == value for name, value in load.items()):
            rounds = run["rounds"]
            pairs = sorted(ratios(rounds, ours, "frames_per_second" if not load["fps"] else "p50_ms"))
            cells = [number(median(rounds, "frames_per_second")), number(median(rounds, "megabytes_per_second")),
                     f"{pairs[len(pairs) // 2]:.2f} x" + (" p50" if load["fps"] else "") if pairs and run["system"] != "ours" else "",
                     *(number(median(rounds, role, what)) for what in ("cpu_seconds_per_1000", "peak_megabytes")
                       for role in ("publisher", "broker", "subscriber")),
                     *(number(median(rounds, f"{name}_ms")) for name in ("p50", "p99", "p99.9"))]
            lost = sum(found["captured"] * load["subscribers"] - found["frames"] for found in rounds if found)
            label = SYSTEMS[run["system"]].label + (f" (lost {lost:,} frames)" if lost else "")
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def soak(found):
    lines = ["| | captured | dropped | stored | subscriber's CPU s/1,000 | broker's | memory at the end | growth |", "|---|" + "---:|" * 7]
    for words, part in ((f"{found['cameras']} cameras at 30 fps", found["many"]), ("one camera at 30 fps", found["one"])):
        lines.append(f"| {words} | {part['captured']:,} | {part['dropped']:,} | {part['stored']:,} | {number(part['cpu_seconds_per_1000'])} | "
                     f"{number(part['broker_cpu_seconds_per_1000'])} | {part['samples'][-1][1]:.0f} MB | {part['megabytes_a_minute']:+.2f} MB a minute |")
    return "\n".join(lines)
