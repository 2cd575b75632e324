"""docs/PERFORMANCE.md: tables and plots of what was measured."""
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
from importlib import metadata

import count_instructions
import plots
from stage import REPOSITORY
from systems import SYSTEMS, Load
from targets import TARGETS, by_round, median, of_soak, ratios

REPORT = "PERFORMANCE.md"
FIGURES = "performance/figures.json"
REMARKS = pathlib.Path(__file__).with_name("remarks.md")


def first(*command):
    """The first line that a command says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]
    except OSError:
        return "?"


def about(rounds):
    """The machine and the versions, for who wants to know or to compare."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    library = first("dpkg-query", "-W", "-f", "${Version}", "libmosquitto-dev")
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": cpu[1] if cpu else platform.machine(),
        "kernel": platform.release().split("-")[0],
        "rounds": rounds,
        "versions": {
            "rustc": first("rustc", "--version").split(" (")[0].replace("rustc ", ""),
            "Mosquitto": first("mosquitto", "-h").removeprefix("mosquitto version "),
            "libmosquitto": library,
            **{name: metadata.version(name) for name in ("paho-mqtt", "imagezmq", "pyzmq")},
            "OpenSSH": first("ssh", "-V").split(",")[0].removeprefix("OpenSSH_"),
        },
    }


def commit():
    """Its short name, with a word if what was measured is not quite that. The report itself and its plots do not count."""
    git = ["git", "-C", REPOSITORY]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":!docs"], capture_output=True, check=False).returncode
    return first(*git, "rev-parse", "--short", "HEAD") + (" with changes" if changed == 1 else "")


def about_section(about, place):
    """Of what, when and where: a section may be measured again alone."""
    return {name: about[name] for name in ("date", "commit", "rounds")} | {"file_system": first("stat", "--file-system", "--format=%T", place)}


def write(out, figures):
    (out / "performance").mkdir(parents=True, exist_ok=True)
    (out / FIGURES).write_text(json.dumps(figures, indent=1, default=str) + "\n")
    drawn = plots.draw(out / "performance", figures)
    parts = ["# Performance", introduction(figures["about"]), "## Targets", targets(figures), REMARKS.read_text().strip()]
    for name, title in TITLES.items():
        if name in figures["sections"]:
            section = figures["sections"][name]
            parts += [f"## {title}", origin(section), *(f"![{title}](performance/{plot})" for plot in drawn.get(name, [])), *tables(section)]
            parts += starting(section) + failures(section)
    if "soak" in figures:
        parts += ["## Many cameras for minutes", origin(figures["soak"]), *(f"![Memory over time](performance/{plot})" for plot in drawn.get("soak", [])),
                  soak(figures["soak"])]
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


def origin(section):
    """Of what a section was measured."""
    of = section["about"]
    rounds = f", {of['rounds']} round(s)" if "runs" in section else ""
    return f"Measured on {of['date']}, of commit {of['commit']}{rounds}, files on {of['file_system']}."


def starting(section):
    """How long many cameras take to start: it is in their frames a second."""
    found = {}
    for run in section["runs"]:
        cameras, seconds = run["load"]["cameras"], median(run["rounds"], "starting_seconds")
        if cameras > 1 and seconds is not None:
            found.setdefault(cameras, []).append(f"{SYSTEMS[run['system']].label}, {Load(**run['load']).pace()}: {seconds:.2f} s")
    words = "\n".join(f"- {cameras} cameras: {'; '.join(those)}" for cameras, those in found.items())
    return [f"The rate counts from the first camera's first frame. Until the last camera's first frame it took:\n\n{words}"] if found else []


def failures(section):
    if not section["failures"]:
        return []
    never = sum(found is None for run in section["runs"] for found in run["rounds"])
    words = f"{len(section['failures'])} tries gave no figure" + (f", and {never} runs none in three tries" if never else " and were repeated")
    return [words + ":\n\n" + "\n".join(f"- {words}" for words in section["failures"])]


def introduction(about):
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"""\
Written by `make bench` on {about["date"]}, of commit {about["commit"]}. {about["cores"]} cores of {about["processor"]}, Linux {about["kernel"]}. {versions}.

Every system sends the same pictures (1280x720 footage, 124 KB in the mean; 300 KB and 1.5 MB from the same clip, enlarged) over loopback and writes each to
a file of its own, under another name first. All MQTT goes through the same Mosquitto, configured as `broker-config/local.conf` but for the length of its
queue, with the memory settings that broker-config/README.md advises. {about["rounds"]} rounds unless a section says otherwise, each with every system once, in an order of its own;
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
            middle = statistics.median(found)
            verdict = "met" if target.met(middle) else "**missed**"
            bound = f"{'at least' if target.at_least else 'at most'} {target.bound:g} x"
            lines.append(f"| {target.what} | {bound} | {number(middle)} x | {number(found[0])} ... {number(found[-1])} | {verdict} |")
    if "many" in figures.get("soak", {}):
        lines += [f"| {what} | {bound} | {measured} | | {'met' if met else '**missed**'} |" for what, bound, measured, met in of_soak(figures["soak"])]
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
             "| | frames/s | MB/s | against ours | CPU s/1,000: publisher | broker | subscriber | peak MB: publisher | broker | subscriber | p50 ms | p99 | p99.9 | all rounds: p99.9 | longest |",
             "|---|" + "---:|" * 14]
    for run in section["runs"]:
        if all(run["load"][name] == value for name, value in load.items()):
            rounds = run["rounds"]
            pairs = ratios(rounds, ours, "frames_per_second" if not load["fps"] else "p50_ms")
            of_all = run.get("all_rounds") or {}
            cells = [number(median(rounds, "frames_per_second")), number(median(rounds, "megabytes_per_second")),
                     f"{statistics.median(pairs):.2f} x" + (" p50" if load["fps"] else "") if pairs and run["system"] != "ours" else "",
                     *(number(median(rounds, role, what)) for what in ("cpu_seconds_per_1000", "peak_megabytes")
                       for role in ("publisher", "broker", "subscriber")),
                     *(number(median(rounds, f"{name}_ms")) for name in ("p50", "p99", "p99.9")),
                     number(of_all.get("p99.9_ms")), number(max((found["longest_ms"] for found in rounds if found), default=None))]
            lost = sum(found["captured"] * load["subscribers"] - found["frames"] for found in rounds if found)
            label = SYSTEMS[run["system"]].label + (f" (lost {lost:,} frames)" if lost else "")
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def soak(found):
    if "failure" in found:
        return f"It gave no figure: {found['failure']}"
    lines = ["| | captured | dropped | stored | subscriber's CPU s/1,000 | broker's | memory at the end | growth |", "|---|" + "---:|" * 7]
    parts = ((f"{found['cameras']} cameras at 30 fps", found["many"]), ("one camera at 30 fps", found["one"]), ("one camera flat out", found["flat_out"]))
    for words, part in parts:
        lines.append(f"| {words} | {part['captured']:,} | {part['dropped']:,} | {part['stored']:,} | {number(part['cpu_seconds_per_1000'])} | "
                     f"{number(part['broker_cpu_seconds_per_1000'])} | {part['samples'][-1][1]:.0f} MB | {part['megabytes_a_minute']:+.2f} MB a minute |")
    return "\n".join(lines) + f"\n\nThe cameras ran for {found['seconds'] / 60:.3g} minutes; 2 GB of frames are kept, of all cameras together. CPU is that of the steady state."
