"""The arithmetic of the report."""
import unittest

from measure import parts
from report import number
from soak import slope
from targets import TARGETS, by_round, median, ratios


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


class Figures(unittest.TestCase):
    def test_a_name_tells_capture_and_number(self):
        self.assertEqual(parts("19700101T000001.500000Z_0123abcd_000000123.jpg"), (1.5, 123))

    def test_growth_is_a_minute_s(self):
        samples = [[seconds, 100 + seconds / 60 * 2] for seconds in range(0, 600, 5)]
        self.assertAlmostEqual(slope(samples), 2)

    def test_numbers_have_three_digits(self):
        self.assertEqual([number(value) for value in (1234.5, 12.345, 0.12345, None)], ["1,234", "12.3", "0.123", ""])


if __name__ == "__main__":
    unittest.main()
