"""Plots of the report, as SVG. The same figures give the same file."""
import matplotlib
from systems import SYSTEMS
from targets import by_round, median

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "framebridge", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
                            "figure.facecolor": "white", "svg.fonttype": "path"})
from matplotlib import pyplot

OURS, THEIRS = "#1f6feb", "#9aa4b2"


def draw(folder, figures):
    """Gives the names of the plots by section."""
    drawn, sections = {}, figures["sections"]
    if "flat-out" in sections:
        drawn["flat-out"] = [bars(folder / "flat-out.svg", sections["flat-out"], {"fps": 0}, "frames_per_second", "frames/s, flat out, 120 KB")]
    if "paced" in sections:
        drawn["paced"] = [bars(folder / "latency.svg", sections["paced"], {"fps": 30}, "p50_ms", "ms from capture to file at 30 fps: p50, and p99 as a line",
                               also="p99_ms")]
    if "cameras" in sections:
        drawn["cameras"] = [lines(folder / "cameras.svg", sections["cameras"], "cameras")]
    if "many" in figures.get("soak", {}):
        drawn["soak"] = [memory(folder / "memory.svg", figures["soak"])]
    return drawn


def bars(path, section, load, name, title, also=None):
    found = [(SYSTEMS[run["system"]].label, run["system"], median(by_round(section, run["system"], **load), name),
              median(by_round(section, run["system"], **load), also) if also else None)
             for run in section["runs"] if all(run["load"][key] == value for key, value in load.items())]
    found = [one for one in found if one[2] is not None][::-1]
    figure, axes = pyplot.subplots(figsize=(7, 0.3 * len(found) + 0.8))
    axes.barh([label for label, *_ in found], [value for _, _, value, _ in found],
              color=[OURS if system.startswith("ours") else THEIRS for _, system, *_ in found])
    for at, (_, _, value, more) in enumerate(found):
        words = f" {value:,.0f}" if value >= 100 else f" {value:.2f}"
        # Behind the line, which would cross them out.
        axes.text(max(value, more or 0), at, words + (f", p99 {more:.2f}" if more else ""), va="center")
        if more:
            axes.plot([value, more], [at, at], color="#57606a", linewidth=1)
    axes.set_title(title, loc="left")
    return save(figure, path)


def lines(path, section, over):
    figure, axes = pyplot.subplots(figsize=(7, 3))
    for system, color in (("ours", OURS), ("libmosquitto", THEIRS)):
        points = sorted((run["load"][over], median(run["rounds"], "frames_per_second")) for run in section["runs"]
                        if run["system"] == system and not run["load"]["fps"] and any(run["rounds"]))
        axes.plot(*zip(*points), marker="o", color=color, label=SYSTEMS[system].label)
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
    axes.set_ylim(bottom=0)
    axes.set_title(f"frames/s over {over}, flat out", loc="left")
    axes.legend(frameon=False)
    return save(figure, path)


def memory(path, soak):
    figure, axes = pyplot.subplots(figsize=(7, 2.6))
    axes.plot(*zip(*soak["many"]["samples"]), color=OURS, label=f"{soak['cameras']} cameras")
    axes.plot(*zip(*soak["one"]["samples"]), color=THEIRS, label="one camera")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds")
    axes.set_title("subscriber's memory, MB", loc="left")
    axes.legend(frameon=False)
    return save(figure, path)


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path.name
