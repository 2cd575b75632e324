#!/usr/bin/env python3
"""Counts the instructions that publisher and subscriber spend on a frame, says where they go, and holds them to a budget.

  count_instructions.py [--case NAME]... [--json FILE]     (after `make test-prepare` and a release build)
  count_instructions.py --update                           writes the budget: `make instruction-budget`

The release build of one program runs under `valgrind --tool=callgrind`, the other as it is, with a real Mosquitto between them and real
footage, flat out. Two runs of different length are compared, so that start and end cost nothing. What the kernel does is not
seen. Copying stands apart: glibc copies with `rep movsb`, one instruction for a processor and one a byte for valgrind.

A case above its budget is counted twice more, and the medians decide. The budget is for a compiler version and for what the processor
can do, since checksum, byte search and copying choose their code when they run; beyond AVX2 valgrind hides what it can.
"""
import argparse
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from where_instructions_go import COPYING, by_group, self_cost

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = REPOSITORY / "target/release"
FOOTAGE = pathlib.Path(os.environ.get("FRAMEBRIDGE_TEST_FOOTAGE", REPOSITORY / "target/test-tools/footage/bigbuckbunny.mjpeg"))
FOOTAGE_FRAMES = 132
BUDGET = pathlib.Path(__file__).with_name("instruction-budget.json")
UPDATE = "make instruction-budget"
# Above what repeated counts differ by (1.7 % at most), below what one more look at every byte of a frame costs.
TOLERANCE = 0.03
# How often and how far a file's buffer grows differs by run (0.3 of a frame); one more copy is 1.
COPIES_TOLERANCE = 0.4
# All processes share a processor: then they take turns, and threads wait and wake the same way each time, however busy the machine is.
ONE_CPU = max(os.sched_getaffinity(0))
os.environ["PATH"] += ":/usr/sbin"


@dataclass(frozen=True)
class Case:
    """One of the programs, counted, and how both are started."""
    counted: str
    json: bool = False
    # The publisher keeps each frame in its spool until the subscriber's receipt.
    receipts: bool = False
    # Whole rounds of the footage: in the short run and in the long one. Few enough that Mosquitto's queue holds them.
    rounds: tuple = (1, 4)


CASES = {
    "publisher": Case("publisher"),
    "publisher, spool and receipts": Case("publisher", receipts=True),
    "publisher, JSON": Case("publisher", json=True, rounds=(1, 2)),
    "subscriber": Case("subscriber"),
    "subscriber, receipts": Case("subscriber", receipts=True),
    "subscriber, JSON": Case("subscriber", json=True, rounds=(1, 2)),
}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    while listens(port := random.randrange(20000, 30000)):
        pass
    return port


class Stage:
    """The folder and the processes of one run. Leaves nothing behind."""

    def __enter__(self):
        self.folder, self.processes = pathlib.Path(tempfile.mkdtemp(prefix="instructions-")), {}
        # Mosquitto, started by root, reads its configuration as another user.
        self.folder.chmod(0o755)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                    preexec_fn=lambda: os.sched_setaffinity(0, {ONE_CPU}))

    def fail(self, name, what):
        words = (self.folder / f"{name}.log").read_text(errors="replace")
        sys.exit(f"error: the {name} {what}: {words[-1000:]}")

    def until(self, name, what, holds, seconds=60):
        deadline = time.monotonic() + seconds
        while not holds():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                self.fail(name, f"is not {what}")
            time.sleep(0.02)

    def wait(self, name, seconds=300):
        try:
            status = self.processes[name].wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(name, f"has not ended after {seconds} s")
        if status:
            self.fail(name, f"ended with {status}")


def run(case, frames, programs):
    """Instructions by (object, function) of the counted program's whole life."""
    with Stage() as stage:
        port, out = free_port(), stage.folder / "callgrind.out"
        conf = (REPOSITORY / "broker-config/local.conf").read_text().replace("listener 1883 ", f"listener {port} ")
        (stage.folder / "broker.conf").write_text(conf)
        broker = ["--broker", f"mqtt://127.0.0.1:{port}"]
        # What is published once a second, not once a frame, would count more on a slow machine.
        publisher = [programs / "frame-publisher", *broker, "--camera", "door", "--source", FOOTAGE, "--loop", "--fps", "0",
                     "--frames", frames, "--no-latest", "--format", "json" if case.json else "binary"]
        subscriber = [programs / "frame-subscriber", *broker, "--out", stage.folder / "frames", "--frames", frames]
        if case.receipts:
            publisher += ["--spool-dir", stage.folder / "spool", "--confirm", "archive"]
            subscriber += ["--consumer", "archive", "--receipts"]
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]

        stage.start("broker", "mosquitto", "-c", stage.folder / "broker.conf")
        stage.until("broker", "listening", lambda: listens(port))
        stage.start("subscriber", *(valgrind if case.counted == "subscriber" else []), *subscriber)
        stage.until("subscriber", "connected", lambda: "connected to" in (stage.folder / "subscriber.log").read_text())
        stage.start("publisher", *(valgrind if case.counted == "publisher" else []), *publisher)
        stage.wait("publisher")
        stage.wait("subscriber")
        return self_cost(out.read_text())


def count_once(case, programs):
    """What a frame costs: instructions by group, without those that copy, and how often its bytes are copied."""
    short, long = (FOOTAGE_FRAMES * rounds for rounds in case.rounds)
    before, after = by_group(run(case, short, programs)), by_group(run(case, long, programs))
    groups = {name: (after[name] - before[name]) / (long - short) for name in after}
    copied = groups.pop(COPYING)
    return {"instructions": sum(groups.values()), "copies": copied / (FOOTAGE.stat().st_size / FOOTAGE_FRAMES), "groups": groups}


def median(counts):
    """The count in the middle, with the middle of the copies."""
    by_instructions = sorted(counts, key=lambda count: count["instructions"])
    return by_instructions[(len(counts) - 1) // 2] | {"copies": statistics.median(count["copies"] for count in counts)}


def compiler(program):
    """The version of the compiler that built it, which is not always the present one."""
    found = re.search(rb"rustc version (\d+\.\d+\.\d+)", program.read_bytes())
    return found[1].decode() if found else "unknown"


def processor():
    """What a program under valgrind finds out about the processor, as far as it decides what code runs."""
    if platform.machine() != "x86_64":
        return platform.machine()
    flags = re.search(r"^flags\s*:(.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return "x86_64 with AVX2" if flags and "avx2" in flags[1].split() else "x86_64 without AVX2"


def count(names=tuple(CASES), rounds=1, programs=PROGRAMS):
    """Counts the cases and returns what was found, for `markdown`, `--json` and the budget."""
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "compiler": f"rustc {compiler(programs / 'frame-publisher')}",
        "processor": processor(),
        "counted_with": f"{valgrind}, {' '.join(platform.libc_ver())}",
        "cases": {name: median([count_once(CASES[name], programs) for _ in range(rounds)]) for name in names},
    }


def markdown(counted):
    """A table: a column a case, a row a group, the most expensive first, in thousands of instructions a frame."""
    cases = counted["cases"]
    groups = {group for case in cases.values() for group in case["groups"]}
    most = {group: max(case["groups"].get(group, 0) for case in cases.values()) for group in groups}
    lines = ["| thousand instructions a frame | " + " | ".join(cases) + " |", "|---|" + "---:|" * len(cases)]

    def row(name, cells):
        lines.append(f"| {name} | " + " | ".join(cells) + " |")

    for group in sorted(groups, key=lambda group: -most[group]):
        # In no case a hundred: nothing that a frame costs, something that the programs do now and then.
        if most[group] >= 100:
            thousands = [case["groups"].get(group, 0) / 1000 for case in cases.values()]
            row(group, [f"{value:,.1f}" if value >= 0.1 else "" for value in thousands])
    row("**all, without copying**", [f"**{case['instructions'] / 1000:,.1f}**" for case in cases.values()])
    row("times that the frame's bytes are copied or cleared", [f"{case['copies']:.2f}" for case in cases.values()])
    return "\n".join(lines)


def budget_key(counted):
    return f"{counted['compiler']}, {counted['processor']}"


def read_budget():
    return json.loads(BUDGET.read_text()) if BUDGET.exists() else {}


def write_budget(counted):
    """Replaces the budget of this compiler and processor; others stay."""
    budget = read_budget()
    budget[budget_key(counted)] = {
        "counted_with": counted["counted_with"],
        "cases": {name: {"instructions": round(case["instructions"], -2), "copies": round(case["copies"], 2)}
                  for name, case in counted["cases"].items()},
    }
    BUDGET.write_text(json.dumps(budget, indent=2) + "\n")


def exceeds(case, budget):
    return (case["instructions"] > budget["instructions"] * (1 + TOLERANCE) or case["copies"] > budget["copies"] + COPIES_TOLERANCE)


def falls_short(case, budget):
    return (case["instructions"] < budget["instructions"] * (1 - TOLERANCE) or case["copies"] < budget["copies"] - COPIES_TOLERANCE)


def compare(counted, programs):
    """Prints a line for each case; whether all keep to the budget. Counts again what does not."""
    entry = read_budget().get(budget_key(counted))
    if not entry:
        print(f"error: {BUDGET.name} has no budget for {budget_key(counted)}; to write it: {UPDATE}", file=sys.stderr)
        return False
    kept = True
    for name, case in counted["cases"].items():
        budget = entry["cases"].get(name)
        if not budget:
            print(f"error: {BUDGET.name} has no budget for the case {name!r}; to write it: {UPDATE}", file=sys.stderr)
            kept = False
            continue
        if exceeds(case, budget):
            case = median([case] + [count_once(CASES[name], programs) for _ in range(2)])
            counted["cases"][name] = case
        more = case["instructions"] / budget["instructions"] - 1
        words = (f"{name}: {case['instructions']:,.0f} instructions a frame, budget {budget['instructions']:,.0f} ({more:+.1%}); "
                 f"{case['copies']:.2f} copies, budget {budget['copies']:.2f}")
        if exceeds(case, budget):
            print(f"OVER   {words}. If it is worth that: {UPDATE}", file=sys.stderr)
            kept = False
        elif falls_short(case, budget):
            print(f"under  {words}. The budget may be lowered: {UPDATE}")
        else:
            print(f"kept   {words}")
    if not kept and entry["counted_with"] != counted["counted_with"]:
        print(f"The budget was counted with {entry['counted_with']}, this with {counted['counted_with']}.", file=sys.stderr)
    return kept


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: told to end"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be given more than once")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write what was counted to this file")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER", default=PROGRAMS, help="where the release build is")
    parser.add_argument("--update", action="store_true", help="write the budget, from the median of five counts")
    options = parser.parse_args()
    if options.update and options.case:
        parser.error("the budget is of all cases")
    for needed in (options.programs / "frame-publisher", options.programs / "frame-subscriber", FOOTAGE):
        if not needed.exists():
            sys.exit(f"error: {needed} is missing; to make it and what else is needed: make instructions")
    counted = count(options.case or tuple(CASES), 5 if options.update else 1, options.programs)
    if options.update:
        write_budget(counted)
        kept = True
    else:
        kept = compare(counted, options.programs)
    print(f"\n{budget_key(counted)} ({counted['counted_with']})\n\n{markdown(counted)}")
    if options.json:
        options.json.write_text(json.dumps(counted, indent=2) + "\n")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
