"""What retention leaves of an archive, read by Cerro's own reader and by ours, which agree."""

import calendar
import datetime
import unittest
from pathlib import Path

import numpy as np
from observatory import AGENTS, Observatory, eventually

import cerro
from cerro.archive import ArchiveFolder
from cerro.model import Column, Rollup

NAME = "cryo-1.temperatures"
HOUR = 3_600 * 10**9
#: Once for all, also when midnight passes meanwhile.
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
#: Retention believes a day to be old once there are some days behind it.
DAYS = 7
ROWS_A_DAY = 6_000
#: The newest day stays as it is, and so does what is pinned.
PINNED = 600
REMOVED = (DAYS - 1) * ROWS_A_DAY - PINNED


def day_of(number):
    """The beginning of a day before today, in seconds since 1970."""
    return calendar.timegm((TODAY - datetime.timedelta(days=number)).timetuple())


def samples(start, seed):
    """Rows of 100 minutes from 04:17 on, with what is no number among them, and a hole."""
    random = np.random.default_rng(seed)
    rows = np.arange(ROWS_A_DAY)
    times = (start + 4 * 3_600 + 17 * 60 + rows) * 10**9 + 250_000_000
    times[ROWS_A_DAY // 2 :] += 700 * 10**9
    stage = np.round(4.2 + random.normal(size=ROWS_A_DAY), 3)
    stage[random.integers(0, ROWS_A_DAY, 90)] = np.nan
    return times, {"stage": stage, "count": rows - 5, "is_on": random.random(ROWS_A_DAY) < 0.3}


def write_g3(path, times, columns):
    """The rows as OCS writes them, a frame a minute."""
    from so3g import hk
    from spt3g import core

    session = hk.HKSessionHelper(hkagg_version=2)
    session.start_time = int(times[0]) / 1e9
    provider = session.add_provider("observatory.cryo-1.feeds.temperatures")
    kinds = {"f": core.G3VectorDouble, "i": core.G3VectorInt, "b": core.G3VectorBool}
    writer = core.G3Writer(str(path))
    writer(session.session_frame())
    writer(session.status_frame())
    for low in range(0, len(times), 60):
        frame = session.data_frame(provider)
        block = core.G3TimesampleMap()
        block.times = core.G3VectorTime([core.G3Time(int(t) // 10) for t in times[low : low + 60]])
        for name, values in columns.items():
            block[name] = kinds[values.dtype.kind](values[low : low + 60].tolist())
        frame["blocks"].append(block)
        frame["block_names"].append("block")
        writer(frame)
    del writer  # It closes the file.


class RetentionTest(unittest.TestCase):
    """A week of which all days but the last are reduced, but for ten minutes that are pinned."""

    @classmethod
    def setUpClass(cls):
        cls.days = {n: samples(day_of(n), seed=n) for n in range(1, DAYS + 1)}
        cls.pin = (day_of(3) + 16_200) * 10**9, (day_of(3) + 16_800) * 10**9
        cls.here = Observatory(
            agents={"reader": AGENTS["reader"]}, prepare=cls.prepare,
            archive="{directory: archive, compact: day, retention: {raw: 1 d}}",
        )
        cls.addClassCleanup(cls.here.close)
        cls.folder = ArchiveFolder(cls.here.folder / "archive")
        cls.site = cerro.Site(registry=cls.here.registry)
        cls.addClassCleanup(cls.site.close)
        eventually(cls.is_open)

    @classmethod
    def is_open(cls):
        """Whether the reader has the archive open already."""
        try:
            return bool(cls.site.get_fields(NAME)["fields"])
        except cerro.QueryFailed:
            return False

    @classmethod
    def prepare(cls, here):
        """Imports the days, and has retention do its work."""
        paths = []
        for number, (times, columns) in cls.days.items():
            paths.append(str(here.folder / f"{number}.g3"))
            write_g3(paths[-1], times, columns)
        (here.folder / "archive").mkdir()
        here.call("archive", "import", *paths)
        first, last = (str(instant // 10**9) for instant in cls.pin)
        here.call("archive", "pin", "--from", first, "--to", last)
        here.call("archive", "compact")
        for path in paths:
            Path(path).unlink()

    def all(self, field):
        """The times and values that were there before retention."""
        times = np.concatenate([times for times, _ in self.days.values()])
        values = np.concatenate([columns[field] for _, columns in self.days.values()])
        return times, values

    def test_what_was_removed_is_told(self):
        reduced = [line for file in self.folder.sealed for line in file.reduced]
        self.assertEqual({line.name for line in reduced}, {NAME})
        rows = self.folder.read(NAME)
        self.assertEqual(sum(line.rows for line in reduced), REMOVED)
        self.assertEqual(len(rows), DAYS * ROWS_A_DAY - REMOVED)
        gaps = self.folder.gaps(NAME)
        self.assertEqual({row["kind"] for row in gaps}, {"retention"})
        self.assertEqual(sum(row["count"] for row in gaps), REMOVED)
        answer = self.site.gaps(NAME, day_of(DAYS), kind="all")
        self.assertEqual(
            sorted((row["from"], row["to"], row["count"]) for row in answer["gaps"]),
            sorted((row["from"], row["to"], row["count"]) for row in gaps),
        )

    def test_the_pinned_rows_are_there(self):
        times, columns = self.days[3]
        there = (times >= self.pin[0]) & (times < self.pin[1])
        self.assertEqual(there.sum(), PINNED)
        rows = self.folder.read(NAME)
        rows = rows.taken((rows.times >= self.pin[0]) & (rows.times < self.pin[1]))
        self.assertEqual(rows.times.tolist(), times[there].tolist())
        for name, values in columns.items():
            np.testing.assert_array_equal(rows.columns[name].values, values[there])

    def test_each_hour_amounts_to_what_it_did(self):
        for field in ("stage", "count", "is_on"):
            times, values = self.all(field)
            expected = Rollup.of("hour", times, Column(values))
            found = self.folder.hours(NAME, field)
            self.check(found, expected)
        self.assertEqual(self.folder.damage, [])

    def check(self, found, expected):
        for part in ("starts", "counts", "nans", "min", "max"):
            np.testing.assert_array_equal(getattr(found, part), getattr(expected, part), part)
        np.testing.assert_allclose(found.sum, expected.sum, rtol=1e-12)

    def test_the_reader_says_the_same(self):
        start, end = day_of(DAYS) * 10**9, day_of(0) * 10**9
        # So many edges lie in the range, and one more bucket might be touched.
        hours = (end - start) // HOUR + 1
        for field in ("stage", "count", "is_on"):
            name = f"{NAME}.{field}"
            answer = self.site.get_data(name, start, end, max_points=hours)
            found, expected = answer[name], self.folder.hours(NAME, field)
            self.assertEqual(found.t.tolist(), expected.starts.tolist())
            self.assertEqual(set((found.end - found.t).tolist()), {HOUR})
            self.assertEqual(found.count.tolist(), (expected.counts + expected.nans).tolist())
            self.assertEqual(found.nans.tolist(), expected.nans.tolist())
            self.assertEqual(found.min.tolist(), expected.min.tolist())
            self.assertEqual(found.max.tolist(), expected.max.tolist())
            np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
            self.assertEqual(sum(row["count"] for row in answer.gaps), REMOVED)

    def test_samples_are_those_that_stayed_and_the_rest_is_told(self):
        start, end = day_of(DAYS) * 10**9, day_of(0) * 10**9
        answer = self.site.get_data(f"{NAME}.*", start, end)
        rows = self.folder.read(NAME)
        for field, column in rows.columns.items():
            found = answer[f"{NAME}.{field}"]
            self.assertEqual(found.t.tolist(), rows.times.tolist())
            np.testing.assert_array_equal(found.values, column.values)
        self.assertEqual({row["kind"] for row in answer.gaps}, {"retention"})
        self.assertEqual(sum(row["count"] for row in answer.gaps), REMOVED)

    def test_every_sample_counts_once_in_any_buckets(self):
        start, end = day_of(DAYS) * 10**9, day_of(0) * 10**9
        _, values = self.all("stage")
        for points in (1, 3, 7, 50, 168, 1_000, 5_000):
            found = self.site.get_data(f"{NAME}.stage", start, end, max_points=points)
            found = found[f"{NAME}.stage"]
            self.assertLessEqual(len(found), points)
            self.assertEqual(found.count.sum(), DAYS * ROWS_A_DAY)
            self.assertEqual(found.nans.sum(), np.isnan(values).sum())
            self.assertEqual(np.nanmin(found.min), np.nanmin(values))
            self.assertEqual(np.nanmax(found.max), np.nanmax(values))
            numbers = found.count - found.nans
            total = np.nansum(np.where(numbers > 0, found.mean, 0) * numbers)
            self.assertAlmostEqual(total / np.nansum(values), 1, places=12)

    def test_minutes_agree_with_the_rows(self):
        times, columns = self.days[5]
        expected = Rollup.of("minute", times, Column(columns["stage"]))
        parts = [
            part for file in self.folder.sealed for line in file.reduced
            if line.groups[0].first == times[0] for part in line.rollups("stage", "minute")
        ]
        self.check(Rollup.joined("minute", parts), expected)


if __name__ == "__main__":
    unittest.main()
