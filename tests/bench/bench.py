#!/usr/bin/env python3
"""Measures Framebridge beside its peers, through the same Mosquitto, and writes docs/PERFORMANCE.md: `make bench`

  bench.py [--rounds 5] [--only SECTION]... [--soak-seconds 600] [--work FOLDER]
  bench.py --smoke       everything once with a few frames, into a temporary folder: does it still run?
  bench.py --render      writes the report again from docs/performance/figures.json

Each round runs every system of a section once, in an order of its own, so that a busy moment of the machine meets all. Ratios are of runs
of the same round. A run that gives no figure is tried again twice, and told of in the report.
"""
import argparse
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
from plan import SECTIONS, for_smoke, seconds_of
from stage import PEERS, PROGRAMS, REPOSITORY, Failed, make_secrets, raise_open_files
from systems import SYSTEMS

TRIES = 3
# A round of the largest section needs this much.
ROOM_BYTES = 4 << 30


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: told to end"))
    if options.render:
        report.write(options.out, read(options.out))
        return
    for program in ("frame-publisher", "frame-subscriber"):
        if not (PROGRAMS / program).exists():
            sys.exit(f"error: {PROGRAMS / program} is missing; to make it and what else is needed: make bench")
    subprocess.run([f"{os.path.dirname(os.path.abspath(__file__))}/peers/build", PEERS], check=True)
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="framebridge-bench-", dir=work_folder(options.work)) as work:
        # Mosquitto, started by root, reads its certificate as another user.
        os.chmod(work, 0o755)
        run(options, work, options.out if not options.smoke else pathlib.Path(work))
    if options.smoke:
        print("The benchmark runs.")


def run(options, work, out):
    secrets = make_secrets(work)
    sections = {name: section for name, section in SECTIONS.items() if not options.only or name in options.only}
    rounds, soak_seconds = options.rounds, 0 if options.only and "soak" not in options.only else options.soak_seconds
    if options.smoke:
        sections, rounds, soak_seconds = for_smoke(sections), 1, min(soak_seconds, 8)
    left = [seconds_of(runs) * rounds for runs in sections.values()]
    print(f"About {(sum(left) + soak_seconds * 1.2) / 60:.0f} minutes.", flush=True)
    figures = read(out) if options.only and not options.smoke and (out / report.FIGURES).exists() else {}
    figures["about"] = report.about(work, rounds)
    figures.setdefault("sections", {})
    for name, runs in sections.items():
        place = disk_folder() if name == "disk" else work
        try:
            figures["sections"][name] = measure_section(name, runs, rounds, place, secrets)
        finally:
            if place != work:
                shutil.rmtree(place)
    if soak_seconds:
        figures["soak"] = soak.run(work, secrets, soak_seconds, cameras=4 if options.smoke else 64)
    out.mkdir(parents=True, exist_ok=True)
    report.write(out, figures)
    print(f"Written: {out / report.REPORT}")
    if options.smoke and any(section["failures"] for section in figures["sections"].values()):
        sys.exit("error: a run gave no figure")


def measure_section(name, runs, rounds, work, secrets):
    """All runs of a section, in rounds: for each its figures by round, `None` where there is none."""
    order = random.Random(name)
    results = [{"system": system, "load": vars(load), "rounds": []} for system, load in runs]
    failures = []
    for nth in range(1, rounds + 1):
        for at in order.sample(range(len(runs)), len(runs)):
            system, load = runs[at]
            began = time.monotonic()
            found, why = attempt(SYSTEMS[system], load, work, secrets)
            failures += [f"{SYSTEMS[system].label}, {load.words()}: {word}" for word in why]
            results[at]["rounds"].append(found)
            words = f"{found['frames_per_second']:,.0f} frames/s, p50 {found['p50_ms']:.2f} ms" if found else "no figure"
            print(f"{name} {nth}/{rounds}: {SYSTEMS[system].label}, {load.words()}: {words} ({time.monotonic() - began:.0f} s)", flush=True)
    return {"runs": results, "failures": failures}


def attempt(system, load, work, secrets):
    """A run's figures, and why earlier tries gave none."""
    why = []
    for _ in range(TRIES):
        try:
            return measure.condensed(measure.run(system, load, work, secrets)), why
        except Failed as failure:
            why.append(" ".join(str(failure).split())[:300])
            print(f"  no figure: {why[-1]}", flush=True)
    return None, why


def work_folder(wished):
    if wished:
        wished.mkdir(parents=True, exist_ok=True)
        return wished
    memory = pathlib.Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_BYTES else disk_folder().parent


def disk_folder():
    folder = REPOSITORY / "target/bench/work"
    folder.mkdir(parents=True, exist_ok=True)
    found = pathlib.Path(tempfile.mkdtemp(dir=folder))
    found.chmod(0o755)
    return found


def read(out):
    return json.loads((out / report.FIGURES).read_text())


if __name__ == "__main__":
    main()
