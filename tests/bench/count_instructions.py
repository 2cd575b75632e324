#!/usr/bin/env python3
"""Counts the instructions that publisher and subscriber spend on a frame, says where they go, and holds them to a budget.

  count_instructions.py [--case NAME]... [--json FILE]     (after `make test-prepare` and a release build)
  count_instructions.py --update                           writes the budget: `make instruction-budget`

The release build of one program runs under `valgrind --tool=callgrind`, the other as it is, with a real Mosquitto between them. Real footage
comes through a pipe, as a camera's would, but flat out. Two runs of different length are compared, so that start and end cost nothing.
What the kernel does is not seen. Copying stands apart: glibc copies with `rep movsb`, one instruction for a processor and one a byte for
valgrind.

A case off its budget is counted twice more, and the medians decide. The budget is for a compiler version and for what the processor
can do, since checksum, byte search and copying choose their code when they run; beyond AVX2 valgrind hides what it can.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from stage import PROGRAMS, REPOSITORY, Failed, Stage, make_secrets
from where_instructions_go import COPYING, by_group, self_cost

FOOTAGE = pathlib.Path(os.environ.get("FRAMEBRIDGE_TEST_FOOTAGE", REPOSITORY / "target/test-tools/footage/bigbuckbunny.mjpeg"))
FOOTAGE_FRAMES = 132
BUDGET = pathlib.Path(__file__).with_name("instruction-budget.json")
UPDATE = "make instruction-budget"
# Twice what repeated counts differ by from their median, at most.
TOLERANCE = 0.02
# How often and how far buffers grow differs by run, by less than a tenth of a frame; one more copy is 1.
COPIES_TOLERANCE = 0.25
# All processes of a run share a processor: then they take turns, and threads wait and wake the same way each time, however busy the
# machine is. On two, counts of the publisher differ by 5 %.
ONE_PROCESSOR = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0)))]


@dataclass(frozen=True)
class Case:
    """One of the programs, counted, and how both are started."""
    counted: str
    json: bool = False
    # The publisher keeps each frame in its spool until the subscriber's receipt.
    receipts: bool = False
    # The publisher plays a file again and again, as for a benchmark: it is split and checked only once.
    looped: bool = False
    # Whole rounds of the footage: in the short run and in the long one.
    rounds: tuple = (1, 4)


CASES = {
    "publisher": Case("publisher"),
    "publisher, looped file": Case("publisher", looped=True),
    # Not more than the 512 frames that may be on their way without a receipt: others would come from the spool again, some or many.
    "publisher, spool and receipts": Case("publisher", receipts=True, rounds=(1, 3)),
    "publisher, JSON": Case("publisher", json=True, rounds=(1, 2)),
    "subscriber": Case("subscriber", looped=True),
    "subscriber, receipts": Case("subscriber", looped=True, receipts=True),
    "subscriber, JSON": Case("subscriber", looped=True, json=True, rounds=(1, 2)),
}


class CountingStage(Stage):
    """A stage on one processor, where one program runs under valgrind."""

    def __init__(self, work, secrets, counted):
        super().__init__(work, secrets)
        self.counted, self.out = counted, self.folder / "callgrind.out"

    def start(self, role, command, environment=None):
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={self.out}"] if role == self.counted else []
        return super().start(role, [*ONE_PROCESSOR, *valgrind, *command], environment)


def run(case, rounds, programs):
    """Instructions by (object, function) of the counted program's whole life."""
    with tempfile.TemporaryDirectory(prefix="instructions-") as work:
        # Mosquitto, started by root, reads its key as another user.
        os.chmod(work, 0o755)
        with CountingStage(work, make_secrets(work), case.counted) as stage:
            common = ["--broker", f"mqtt://127.0.0.1:{stage.port}", "--frames", FOOTAGE_FRAMES * rounds]
            # The newest picture is retained once a second, not once a frame: on a slow machine it would count for more.
            publisher = [programs / "frame-publisher", *common, "--camera", "door", "--no-latest", "--format", "json" if case.json else "binary"]
            if case.looped:
                publisher += ["--source", FOOTAGE, "--loop", "--fps", "0"]
            else:
                # As from `rpicam-vid`, which does not wait: the queue has room for a whole run.
                publisher += ["--source", f"exec:cat {' '.join([shlex.quote(str(FOOTAGE))] * rounds)}", "--queue-max-bytes", "1GiB"]
            subscriber = [programs / "frame-subscriber", *common, "--out", stage.folder / "frames"]
            if case.receipts:
                publisher += ["--spool-dir", stage.folder / "spool", "--confirm", "archive"]
                subscriber += ["--consumer", "archive", "--receipts"]
            stage.start_broker()
            receiving = stage.start("subscriber", subscriber)
            receiving.wait_for_words("connected to", 60)
            stage.start("publisher", publisher).wait(120)
            receiving.wait(120)
            return self_cost(stage.out.read_text())


def count_once(case, programs):
    """What a frame costs: instructions by group, without those that copy, and how often its bytes are copied."""
    short, long = case.rounds
    before, after = by_group(run(case, short, programs)), by_group(run(case, long, programs))
    groups = {name: (after[name] - before[name]) / ((long - short) * FOOTAGE_FRAMES) for name in after}
    if not groups.get(COPYING):
        raise Failed("the C library's functions have no names here; install Debian's libc6-dbg")
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
        "cases": {name: {"instructions": int(round(case["instructions"], -2)), "copies": round(case["copies"], 2)}
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
        if exceeds(case, budget) or falls_short(case, budget):
            case = median([case, count_once(CASES[name], programs), count_once(CASES[name], programs)])
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
    # So that who is told to end takes its processes and folders along.
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
    try:
        main()
    except Failed as failed:
        sys.exit(f"error: {failed}")
