"""The arithmetic of the report, and that no process outlives the benchmark."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import bench
import report
from measure import Stored, first_captures, parts, percentiles
from plan import TimeLeft
from report import failures, number
from soak import newest_numbers, slope, steady_state
from stage import Stage, adopt_orphans, end_children, parents
from targets import TARGETS, by_round, median, of_soak, ratios


def rounds(*rates):
    return [rate and {"frames_per_second": rate, "publisher": {"cpu_seconds_per_1000": rate / 1000}} for rate in rates]


class Ratios(unittest.TestCase):
    def test_they_are_of_runs_of_the_same_round(self):
        self.assertEqual(ratios(rounds(10, 40, 9), rounds(5, 10, 3), "frames_per_second"), [2, 4, 3])

    def test_a_round_without_a_figure_has_none(self):
        self.assertEqual(ratios(rounds(10, None, 9), rounds(5, 10, None), "frames_per_second"), [2])

    def test_a_median_passes_over_what_is_missing(self):
        self.assertEqual(median(rounds(1, None, 3), "publisher", "cpu_seconds_per_1000"), 0.002)

    def test_a_target_finds_its_runs(self):
        runs = [{"system": system, "load": {"fps": 0}, "rounds": rounds(rate)} for system, rate in (("ours", 13), ("libmosquitto", 10))]
        self.assertEqual(by_round({"runs": runs}, "ours", fps=0), rounds(13))
        self.assertEqual(TARGETS[0].ratios({"flat-out": {"runs": runs}}), [1.3])
        self.assertTrue(TARGETS[0].met(1.3))
        self.assertFalse(TARGETS[0].met(1.29))


    def test_of_an_even_number_the_middle_is_between_two(self):
        self.assertEqual(median(rounds(1, 2, 3, 40), "frames_per_second"), 2.5)

    def test_a_soak_that_grows_or_costs_more_misses(self):
        def soak(growth, cost):
            others = {name: {"cpu_seconds_per_1000": 0.4} for name in ("one", "flat_out")}
            return {"cameras": 64, "many": {"megabytes_a_minute": growth, "cpu_seconds_per_1000": cost}} | others

        self.assertEqual([met for *_, met in of_soak(soak(0.2, 0.5))], [True, True, True])
        self.assertEqual([met for *_, met in of_soak(soak(1.5, 0.6))], [False, False, False])


class Figures(unittest.TestCase):
    def test_percentiles_need_no_order(self):
        self.assertEqual(percentiles(list(range(1000, 0, -1))), {"p50_ms": 501, "p99_ms": 991, "p99.9_ms": 1000, "longest_ms": 1000})
        self.assertEqual(percentiles([7.0]), {"p50_ms": 7, "p99_ms": 7, "p99.9_ms": 7, "longest_ms": 7})

    def test_a_camera_begins_with_its_first_frame(self):
        files = [Stored(camera, 1, 10, capture, 9.0) for camera, capture in (("cam0", 3.0), ("cam1", 2.0), ("cam0", 1.0))]
        self.assertEqual(first_captures(files), {"cam0": 1.0, "cam1": 2.0})

    def test_time_left_learns_from_what_was_slower_than_planned(self):
        left = TimeLeft(600)
        self.assertEqual(left.seconds(), 600)
        left.is_done(300, 660)
        self.assertEqual(left.seconds(), 600)
        left.is_done(300, 300)
        self.assertEqual(left.words(), "0 s left")

    def test_tries_are_told_apart_from_runs_without_a_figure(self):
        self.assertEqual(failures({"failures": [], "runs": []}), [])
        self.assertIn("1 tries gave no figure and were repeated", failures({"failures": ["late"], "runs": [{"rounds": rounds(1)}]})[0])
        self.assertIn("1 runs none", failures({"failures": ["late"] * 3, "runs": [{"rounds": [None]}]})[0])

    def test_the_steady_state_is_between_two_marks(self):
        self.assertEqual(steady_state((1.0, 2.0, {"a": 100}), (2.0, 4.0, {"a": 300, "b": 300})), [2.0, 4.0])

    def test_the_newest_number_is_not_in_a_folder_that_was_just_made(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            for minute in ("01", "02", "03"):
                (out / "cam0/2026-11-25/09" / minute).mkdir(parents=True)
            (out / "cam0/2026-11-25/09/01/20261125T090159.000000Z_0123abcd_000000009.jpg").touch()
            (out / "cam0/2026-11-25/09/02/20261125T090200.000000Z_0123abcd_000000010.jpg").touch()
            (out / "cam0/2026-11-25/09/02/.20261125T090200.100000Z_0123abcd_000000011.jpg").touch()
            self.assertEqual(newest_numbers(out), {"cam0": 10})

    def test_a_name_tells_capture_and_number(self):
        self.assertEqual(parts("19700101T000001.500000Z_0123abcd_000000123.jpg"), (1.5, 123))

    def test_growth_is_a_minute_s(self):
        samples = [[seconds, 100 + seconds / 60 * 2] for seconds in range(0, 600, 5)]
        self.assertAlmostEqual(slope(samples), 2)

    def test_numbers_have_three_digits(self):
        self.assertEqual([number(value) for value in (1234.5, 12.345, 0.12345, None)], ["1,234", "12.3", "0.123", ""])


class Keeping(unittest.TestCase):
    def kept(self, machine, **section):
        with tempfile.TemporaryDirectory() as out:
            figures = pathlib.Path(out, report.FIGURES)
            figures.parent.mkdir()
            figures.write_text(json.dumps({"about": {"cores": 2, "processor": "A", "commit": "old"}, "sections": {"paced": section}}))
            return bench.kept(pathlib.Path(out), machine | {"commit": "new"})

    def test_what_is_not_measured_again_keeps_its_commit(self):
        here = {"cores": 2, "processor": "A"}
        self.assertEqual(self.kept(here, about={"commit": "older"})["sections"]["paced"]["about"]["commit"], "older")
        self.assertEqual(self.kept(here)["sections"]["paced"]["about"]["commit"], "old or before")
        self.assertEqual(self.kept(here)["about"]["commit"], "new")

    def test_figures_of_another_machine_do_not_stay(self):
        self.assertEqual(self.kept({"cores": 4, "processor": "A"})["sections"], {})


class Ending(unittest.TestCase):
    def test_a_stage_leaves_neither_children_nor_theirs(self):
        adopt_orphans()
        with tempfile.TemporaryDirectory() as work:
            with Stage(work, None) as stage:
                # As scp and its ssh.
                stage.start("publisher", ["sh", "-c", "sleep 1000 & echo $!; wait"]).wait_for_words("\n")
                grandchild = int(stage.processes[0].words())
                self.assertIn(grandchild, dict(parents()))
            self.assertNotIn(grandchild, dict(parents()))
            self.assertFalse(stage.folder.exists())

    def test_a_child_that_no_stage_knows_of_ends_too(self):
        child = subprocess.Popen(["sleep", "1000"])
        end_children()
        self.assertNotIn(child.pid, dict(parents()))
        # It was waited for already.
        child.returncode = -9


if __name__ == "__main__":
    unittest.main()
