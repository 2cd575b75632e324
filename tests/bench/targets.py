"""What Framebridge has to reach, and ratios: of runs of the same round, pair by pair."""
import statistics
from dataclasses import dataclass


def by_round(section, system, **load):
    """The figures of a system's run under a load, a round each; `None` where there is none."""
    for run in section["runs"]:
        if run["system"] == system and all(run["load"][name] == value for name, value in load.items()):
            return run["rounds"]
    return []


def figure(found, path):
    for name in path:
        found = found.get(name) if found else None
    return found


def median(rounds, *path):
    values = [value for value in (figure(found, path) for found in rounds) if value is not None]
    return statistics.median(values) if values else None


def ratios(ours, theirs, *path):
    """One for each round in which both gave a figure."""
    pairs = ((figure(mine, path), figure(other, path)) for mine, other in zip(ours, theirs))
    return [mine / other for mine, other in pairs if mine is not None and other]


@dataclass(frozen=True)
class Target:
    what: str
    bound: float
    # Whether the bound is the least or the most.
    at_least: bool
    section: str
    ours: str
    theirs: str
    path: tuple
    load: dict

    def ratios(self, sections):
        section = sections.get(self.section)
        if not section:
            return []
        return ratios(by_round(section, self.ours, **self.load), by_round(section, self.theirs, **self.load), *self.path)

    def met(self, ratio):
        return ratio >= self.bound if self.at_least else ratio <= self.bound


# Less growth than this is none: what a minute's samples differ by.
FLAT_MEGABYTES_A_MINUTE = 1
SOAK_CPU_BOUND = 1.25


def of_soak(soak):
    """What many cameras have to keep to: what, bound, measured, and whether it is met."""
    cameras, many = soak["cameras"], soak["many"]
    growth = many["megabytes_a_minute"]
    yield f"memory with {cameras} cameras at 30 fps", f"flat: less than {FLAT_MEGABYTES_A_MINUTE} MB a minute", f"{growth:+.2f} MB a minute", growth < FLAT_MEGABYTES_A_MINUTE
    for other, words in (("one", "one camera at 30 fps"), ("flat_out", "one camera flat out")):
        ratio = many["cpu_seconds_per_1000"] / soak[other]["cpu_seconds_per_1000"]
        yield f"subscriber's CPU a frame with them against {words}", f"at most {SOAK_CPU_BOUND:g} x", f"{ratio:.3g} x", ratio <= SOAK_CPU_BOUND


RATE = ("frames_per_second",)
FLAT, AT_30 = {"fps": 0}, {"fps": 30}


def flat_out(what, bound, theirs, path=RATE, at_least=True, ours="ours"):
    return Target(what, bound, at_least, "flat-out", ours, theirs, path, FLAT)


TARGETS = [
    flat_out("frames/s against the libmosquitto pair", 1.3, "libmosquitto"),
    flat_out("frames/s against the raw TCP relay", 0.85, "relay"),
    flat_out("publisher's CPU a frame against libmosquitto's", 0.5, "libmosquitto", ("publisher", "cpu_seconds_per_1000"), at_least=False),
    flat_out("subscriber's CPU a frame against libmosquitto's", 0.85, "libmosquitto", ("subscriber", "cpu_seconds_per_1000"), at_least=False),
    Target("p50 from capture to file at 30 fps against the libmosquitto pair", 0.75, False, "paced", "ours", "libmosquitto", ("p50_ms",), AT_30),
    Target("p99 of the same", 1.0, False, "paced", "ours", "libmosquitto", ("p99_ms",), AT_30),
    flat_out("frames/s against paho-mqtt in Python", 5, "paho"),
    flat_out("frames/s against imagezmq REQ/REP", 6, "imagezmq-reqrep"),
    flat_out("frames/s against one scp a frame", 1000, "scp"),
    flat_out("json against binary, frames/s", 0.45, "ours", ours="ours-json"),
    Target("spool (`--spool-sync none`) and receipts against without, p50 at 30 fps", 1.3, False, "paced", "ours-receipts", "ours", ("p50_ms",), AT_30),
]
