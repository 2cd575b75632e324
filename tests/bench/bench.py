#!/usr/bin/env python3
"""Measures Framebridge beside its peers, through the same Mosquitto, and writes docs/PERFORMANCE.md: `make bench`

  bench.py [--rounds 5] [--only SECTION]... [--soak-seconds 600] [--work FOLDER]
  bench.py --smoke       everything once with a few frames, into a temporary folder: does it still run?
  bench.py --render      writes the report again from docs/performance/figures.json

Each round runs every system of a section once, in an order of its own, so that a busy moment of the machine meets all. Ratios are of runs
of the same round. A run that gives no figure is tried again twice, and told of in the report. The report is written after each section;
what was not measured this time stays as it was, with the commit that it was measured of.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import measure
import report
import soak
from plan import SECTIONS, TimeLeft, for_smoke, seconds_of
from stage import PEERS, PROGRAMS, REPOSITORY, Failed, adopt_orphans, end_children, make_secrets, raise_open_files
from systems import SYSTEMS

TRIES = 3
# The soak keeps 2 GB, and was seen to have nearly 4 before it deleted, flat out.
ROOM_BYTES = 6 << 30
DISK = REPOSITORY / "target/bench/work"
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=[*SECTIONS, "soak"], metavar="SECTION", help=", ".join([*SECTIONS, "soak"]))
    parser.add_argument("--soak-seconds", type=int, default=600)
    parser.add_argument("--work", type=pathlib.Path, metavar="FOLDER", help="where frames are written (memory, if /dev/shm has room)")
    parser.add_argument("--out", type=pathlib.Path, default=REPOSITORY / "docs", metavar="FOLDER")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--render", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    if options.render:
        report.write(options.out, read(options.out))
        return
    for program in ("frame-publisher", "frame-subscriber"):
        if not (PROGRAMS / program).exists():
            sys.exit(f"error: {PROGRAMS / program} is missing; to make it and what else is needed: make bench")
    subprocess.run([f"{os.path.dirname(os.path.abspath(__file__))}/peers/build", PEERS], check=True)
    raise_open_files()
    adopt_orphans()
    for number in ENDING:
        # Whom `nohup` started does not end with his terminal.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end_once)
    sections = {name: runs for name, runs in SECTIONS.items() if not options.only or name in options.only}
    with contextlib.ExitStack() as cleanup:
        places = {"memory": temporary_folder(cleanup, options.work or work_folder())}
        if "disk" in sections:
            places["disk"] = temporary_folder(cleanup, DISK)
        # Comes first of all: while anything still runs, no folder can be removed.
        cleanup.callback(end_quietly)
        run(options, sections, places, options.out if not options.smoke else pathlib.Path(places["memory"]))


def run(options, sections, places, out):
    work = places["memory"]
    secrets = make_secrets(work)
    rounds, soak_seconds = options.rounds, 0 if options.only and "soak" not in options.only else options.soak_seconds
    if options.smoke:
        sections, rounds, soak_seconds = for_smoke(sections), 1, min(soak_seconds, 6)
    left = TimeLeft(sum(seconds_of(runs) * rounds for runs in sections.values()) + soak.seconds_of(soak_seconds))
    print(f"About {left.seconds() / 60:.0f} minutes.", flush=True)
    about = report.about(rounds)
    figures = kept(out, about)
    out.mkdir(parents=True, exist_ok=True)
    for name, runs in sections.items():
        place = places.get(name, work)
        figures["sections"][name] = measure_section(name, runs, rounds, place, secrets, left) | {"about": report.about_section(about, place)}
        report.write(out, figures)
    if soak_seconds:
        figures["soak"] = try_soak(work, secrets, soak_seconds, 4 if options.smoke else 64) | {"about": report.about_section(about, work)}
        report.write(out, figures)
    print(f"Written: {out / report.REPORT}")
    if options.smoke:
        if any(section["failures"] for section in figures["sections"].values()) or "failure" in figures.get("soak", {}):
            sys.exit("error: a run gave no figure")
        print("The benchmark runs.")


def measure_section(name, runs, rounds, work, secrets, left):
    """All runs of a section, in rounds: for each its figures by round, `None` where there is none, and the latencies of all rounds."""
    order = random.Random(name)
    results = [{"system": system, "load": vars(load), "rounds": []} for system, load in runs]
    latencies = [[] for _ in runs]
    failures = []
    for nth in range(1, rounds + 1):
        for at in order.sample(range(len(runs)), len(runs)):
            system, load = runs[at]
            began = time.monotonic()
            found, why = attempt(SYSTEMS[system], load, work, secrets)
            failures += [f"{SYSTEMS[system].label}, {load.words()}: {word}" for word in why]
            words = "no figure"
            if found:
                of_run = found.pop("latencies_ms")
                latencies[at] += of_run
                found |= measure.percentiles(of_run)
                words = f"{found['frames_per_second']:,.0f} frames/s, p50 {found['p50_ms']:.2f} ms"
            results[at]["rounds"].append(found)
            took = time.monotonic() - began
            left.is_done(seconds_of(runs[at:at + 1]), took)
            print(f"{name} {nth}/{rounds}: {SYSTEMS[system].label}, {load.words()}: {words} ({took:.0f} s; {left.words()})", flush=True)
    for result, of_all in zip(results, latencies):
        result["all_rounds"] = measure.percentiles(of_all) if of_all else None
    return {"runs": results, "failures": failures}


def attempt(system, load, work, secrets):
    """A run's figures, and why earlier tries gave none."""
    why = []
    for _ in range(TRIES):
        try:
            return measure.run(system, load, work, secrets), why
        # Whatever went wrong, it must not cost what was measured before it.
        except Exception as failure:
            why.append(words_of(failure))
            print(f"  no figure: {why[-1]}", flush=True)
    return None, why


def try_soak(work, secrets, seconds, cameras):
    """It takes too long to be tried twice."""
    try:
        return soak.run(work, secrets, seconds, cameras)
    except Exception as failure:
        print(f"  no soak: {words_of(failure)}", flush=True)
        return {"failure": words_of(failure)}


def words_of(failure):
    kind = "" if isinstance(failure, Failed) else f"{type(failure).__name__}: "
    return kind + " ".join(str(failure).split())[:300]


def end_once(*_):
    """The first signal ends the benchmark. Further ones must not disturb it while it tidies up: they left programs running."""
    ignore_signals()
    sys.exit("error: told to end")


def ignore_signals():
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def end_quietly():
    ignore_signals()
    end_children()


def work_folder():
    memory = pathlib.Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_BYTES else DISK


def temporary_folder(cleanup, below):
    below.mkdir(parents=True, exist_ok=True)
    folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="framebridge-bench-", dir=below))
    # Mosquitto, started by root, reads its certificate as another user.
    os.chmod(folder, 0o755)
    return folder


def kept(out, about):
    """Earlier figures of the same machine: they stay until their section is measured again."""
    before = read(out) if (out / report.FIGURES).exists() else {}
    machine = ("cores", "processor")
    if [before.get("about", {}).get(name) for name in machine] != [about[name] for name in machine]:
        before = {}
    for section in before.get("sections", {}).values():
        # Sections did not always say this themselves, and some were older than the report.
        section.setdefault("about", before["about"] | {"commit": f"{before['about']['commit']} or before"})
    return {"sections": {}} | before | {"about": about}


def read(out):
    return json.loads((out / report.FIGURES).read_text())


if __name__ == "__main__":
    main()
