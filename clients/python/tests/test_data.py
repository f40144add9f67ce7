"""What is archived and what comes in, against real processes; answers as arrays."""

import datetime
import unittest

import numpy as np
from observatory import eventually, shared

import cerro
from cerro import data
from cerro.model import Feed
from cerro.samples import Decoder, Patterns
from cerro.wire import packed


class DataTest(unittest.TestCase):
    """The reader's answers."""

    @classmethod
    def setUpClass(cls):
        cls.site = cerro.Site(registry=shared().registry)
        cls.addClassCleanup(cls.site.close)
        # Live samples say that something is on its way to the archive.
        live = cls.site.live("fake-1.false_temperatures", timeout=30)
        cls.seen = [next(live) for _ in range(4)]
        live.close()

    def archived(self, fields, count, **more):
        """An answer as soon as it has as many samples."""
        answers = []

        def is_there():
            answers[:] = [self.site.get_data(fields, -600, **more)]
            lines = answers[0].timelines.values()
            return len(lines) > 0 and all(len(line.t) >= count for line in lines)

        eventually(is_there)
        return answers[0]

    def test_live_samples_are_those_that_are_archived(self):
        names = {sample.field for sample in self.seen}
        self.assertEqual(
            names, {f"fake-1.false_temperatures.channel_0{number}" for number in (0, 1)}
        )
        first, last = self.seen[0].time, self.seen[-1].time
        name = "fake-1.false_temperatures"

        def ask():
            return self.site.get_data(name, first, last + 1)

        eventually(lambda: any(line.t[-1] == last for line in ask().timelines.values()))
        found = ask()
        for sample in self.seen:
            series = found[sample.field]
            self.assertEqual(series.unit, "K")
            place = series.t.tolist().index(sample.time)
            self.assertEqual(series.values[place], sample.value)
        self.assertEqual(found.gaps, [])

    def test_fields_are_listed(self):
        found = self.site.get_fields("fake-1.false_temperatures")
        self.assertEqual(len(found["fields"]), 2)
        self.assertIn("fake-1.false_temperatures", found["timelines"])

    def test_buckets_have_their_extremes(self):
        name = "fake-1.false_temperatures.channel_00"
        raw = self.archived([name], 4)[name]
        found = self.site.get_data(name, int(raw.t[0]), int(raw.t[-1]) + 1, max_points=1)[name]
        self.assertIsInstance(found, data.Buckets)
        self.assertEqual(found.count.tolist(), [len(raw)])
        self.assertEqual(found.min.tolist(), [raw.values.min()])
        self.assertEqual(found.max.tolist(), [raw.values.max()])
        self.assertAlmostEqual(found.mean[0], raw.values.mean())

    def test_a_field_that_nobody_knows_is_empty(self):
        found = self.site.get_data("no.such.field", -60)
        self.assertEqual(len(found["no.such.field"]), 0)
        self.assertTrue(found.to_dataframe().empty)
        with self.assertRaisesRegex(KeyError, "there are no.such.field"):
            found["another"]

    def test_texts_and_missing_values(self):
        with shared().client("fake-2") as client:
            client.delay_task(delay=0.001)
        names = ["fake-2.sessions.operation", "fake-2.sessions.success"]
        found = self.archived(names, 3)
        self.assertIn("delay_task", found[names[0]].values.tolist())
        self.assertTrue(np.ma.is_masked(found[names[1]].values))
        frame = found.to_dataframe()
        self.assertEqual(str(frame[names[1]].dtype), "boolean")
        self.assertEqual(frame[names[0]].tolist(), found[names[0]].values.tolist())

    def test_errors_of_queries(self):
        with self.assertRaisesRegex(cerro.CerroError, "(?s).+"):
            self.site.get_data("fake-1.*", "not a time")
        with self.assertRaises(cerro.InvalidParameter):
            self.site.get_data("fake-1.*", -60, max_points=3, min_stride=2.0)


class AnswerTest(unittest.TestCase):
    """The pure parts."""

    def test_times(self):
        utc = datetime.timezone.utc
        moment = datetime.datetime(2026, 11, 21, 5, 41, 10, 500001, utc)
        self.assertEqual(data.time_of(moment), 1795239670500001000)
        self.assertEqual(data.time_of(moment.replace(tzinfo=None)), 1795239670500001000)
        self.assertEqual(data.time_of(np.datetime64("2026-11-21")), 1795219200 * 10**9)
        self.assertEqual(data.time_of(datetime.timedelta(hours=1)), -3600)
        self.assertEqual(data.time_of(np.int64(3)), 3)
        self.assertEqual(data.time_of("-1h"), "-1h")

    def test_columns(self):
        floats = np.array([1.5, 2.5, 0.0]).tobytes()
        found = data.column_of({"type": "double", "values": floats, "presence": b"\x03"})
        self.assertEqual(found.present.tolist(), [True, True, False])
        self.assertEqual(data.masked(found).filled(-1).tolist(), [1.5, 2.5, -1])
        texts = {"texts": ["a", "b"], "places": np.array([1, 0, 1], "<u4").tobytes()}
        found = data.column_of({"type": "string", "values": texts})
        self.assertEqual(found.values.tolist(), ["b", "a", "b"])
        found = data.column_of({"type": "bool", "values": b"\x01\x00"})
        self.assertEqual(found.values.tolist(), [True, False])
        self.assertEqual(len(data.column_of({"type": None, "values": b""})), 0)

    def test_equal_times_and_several_timelines_in_one_table(self):
        def line(times, name):
            times = np.array(times, "<i8")
            return {"t": times.tobytes(), "fields": [name], "units": ["K"], "revision": 0}

        def column(values):
            return {"type": "int", "values": np.array(values, "<i8").tobytes()}

        found = data.answer({
            "timeline": {"a.f": line([1, 1, 2], "a.f.x"), "b.f": line([1, 3], "b.f.y")},
            "data": {"a.f.x": column([1, 2, 3]), "b.f.y": column([4, 5])},
        })
        frame = found.to_dataframe()
        self.assertEqual(frame.index.asi8.tolist() if hasattr(frame.index, "asi8") else None,
                         [1, 1, 2, 3])
        self.assertEqual(frame["a.f.x"].fillna(0).tolist(), [1, 2, 3, 0])
        self.assertEqual(frame["b.f.y"].fillna(0).tolist(), [4, 0, 0, 5])
        self.assertEqual(found.to_arrow().num_rows, 4)

    def test_what_is_no_answer(self):
        for value in ({}, None, {"timeline": {"a": {}}, "data": {}}, {"timeline": [], "data": 1}):
            with self.subTest(value), self.assertRaises(cerro.Malformed):
                data.answer(value)

    def test_patterns(self):
        self.assertTrue(Patterns("a").fits("a.f.x"))
        self.assertTrue(Patterns("a.f").fits("a.f.x"))
        self.assertFalse(Patterns("a.f").fits("a.fx.x"))
        self.assertTrue(Patterns("*.x").fits("a.f.x"))
        self.assertEqual(Patterns(["a.f.x", "b", "c*.f", "d.g*.x"]).topics,
                         ("a/f/", "b/", "c", "d/g"))
        self.assertTrue(Patterns("a*.f").may_be_of("a1"))

    def test_a_published_record(self):
        decoder = Decoder(Patterns("a.f.x"))
        fields = [{"name": "x", "type": "double"}, {"name": "y", "type": "string"}]
        decoder.learn("a", [{"feed": "f", "fields": fields}])
        block = [
            np.array([1, 2], "<i8").tobytes(),
            [b"\x02", np.array([0, 2.5]).tobytes()], [["p", "q"]],
        ]
        payload = packed([1, 7, 1, 1, 0, [block]])
        self.assertEqual(
            [tuple(sample) for sample in decoder.samples("a/f/", payload)],
            [("a.f.x", 1, None), ("a.f.x", 2, 2.5)],
        )
        with self.assertRaises(ValueError):
            decoder.samples("a/f/", payload[:-3])
        self.assertEqual(Feed.parse({"feed": "f", "fields": fields}).fields[1].type, "string")


if __name__ == "__main__":
    unittest.main()
