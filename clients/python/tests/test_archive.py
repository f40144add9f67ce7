"""The reader of the files of an archive, over the corpus that Cerro's own reader has to pass."""

import json
import math
import struct
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np  # noqa: E402

from cerro.archive import ArchiveFolder, FormatError, Journal, SealedFile, crc32c  # noqa: E402
from cerro.archive.integers import Truncated, unpack  # noqa: E402

CORPUS = ROOT / "Tests" / "Corpus" / "archive"
NOT_NUMBERS = ("nan", "snan")
FILES = sorted(CORPUS.glob("*.cerro"))


def number(value):
    """A double as the JSON of the corpus has it."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return "-0.0" if value == 0 and math.copysign(1, value) < 0 else value


def cells(column):
    """The values of a column as the JSON of the corpus has them."""
    values = column.values.tolist()
    if column.values.dtype == np.float64:
        values = [number(value) for value in values]
    flags = column.present if column.present is not None else [True] * len(values)
    return [value if there else None for value, there in zip(values, flags)]


def document(file):
    """The file as the JSON of the corpus has it."""
    found = {
        "id": file.id, "archive": file.archive, "created": file.created, "sources": file.sources,
        "cursors": [list(cursor) for cursor in file.cursors],
        "ledger": [[row["instance"], row["cause"]] for row in file.ledger],
        "unreadable": [[row["position"], row["reason"]] for row in file.unreadable],
        "timelines": [timeline_document(timeline) for timeline in file.timelines],
    }
    if file.reduced:
        found["reduced"] = [reduced_document(timeline) for timeline in file.reduced]
    return found


def rollups_document(group):
    """The roll-ups of a group as the JSON of the corpus has them."""
    return [{"tier": part["tier"], "buckets": part["buckets"]} for part in group.rollups]


def reduced_document(timeline):
    """What retention left of a timeline as the JSON of the corpus has it."""
    return {
        "instance": timeline.instance, "feed": timeline.feed.name, "epochs": timeline.epochs,
        "groups": [
            {
                "rows": group.rows, "range": [group.first, group.last],
                "statistics": [
                    [s.count, s.nans, *map(number, (s.min, s.max, s.sum))]
                    for s in group.statistics
                ],
                "rollups": rollups_document(group),
            }
            for group in timeline.groups
        ],
    }


def timeline_document(timeline):
    """A timeline as the JSON of the corpus has it."""
    rows = timeline.read()
    return {
        "instance": timeline.instance, "feed": timeline.feed.name, "epochs": timeline.epochs,
        "times": rows.times.tolist(),
        "columns": [cells(rows.columns[field.name]) for field in timeline.feed.fields],
        "fields": [
            {"name": field.name, "type": field.type, "unit": field.unit}
            for field in timeline.feed.fields
        ],
        "rollups": [part for group in timeline.groups for part in rollups_document(group)],
    }


class CorpusTest(unittest.TestCase):
    """Files that every reader has to read alike."""

    def test_each_file_is_what_the_json_beside_it_says(self):
        self.assertGreaterEqual(len(FILES), 2)
        for path in FILES:
            with self.subTest(path.name):
                found = document(SealedFile(path))
                with open(path.with_suffix(".json"), encoding="utf-8") as json_file:
                    expected = json.load(json_file)
                for timeline in expected["timelines"]:
                    timeline["columns"] = [
                        # What is in a NaN is compared by the dump.
                        ["nan" if v in NOT_NUMBERS or str(v).startswith("nan(") else v for v in c]
                        for c in timeline["columns"]
                    ]
                self.assertEqual(found, expected)

    def test_a_range_is_half_open(self):
        timeline = SealedFile(CORPUS / "all-types-2.cerro").timelines[0]
        times = timeline.read().times
        part = timeline.read(["count"], int(times[3]), int(times[7]))
        self.assertEqual(part.times.tolist(), times[3:7].tolist())
        self.assertEqual(part.columns["count"].values.tolist(), [9, 12, 15, 18])


def footers(data):
    """Where each footer of a sealed file begins and its trailer ends, the last one last."""
    file = SealedFile("whole", data)
    ends = [file.footer_offset] if file.version == 2 else file.footer["parts"]
    return [(struct.unpack_from("<Q", data, end - 40)[0], end) for end in [*ends, len(data)]]


class DamageTest(unittest.TestCase):
    """Any damage costs what it hit, and is told with its place."""

    NAME = "all-types-3.cerro"

    def setUp(self):
        self.data = (CORPUS / self.NAME).read_bytes()
        self.whole = document(SealedFile("whole", self.data))

    def check(self, data):
        """The places of what is wrong; every value that is there is right."""
        try:
            file = SealedFile("f", data)
        except FormatError as error:
            return [error.offset]
        self.assertEqual(file.lost, [])
        timeline = file.timelines[0]
        rows = timeline.read()
        expected = self.whole["timelines"][0]
        if len(rows):
            self.assertEqual(rows.times.tolist(), expected["times"])
            for field, values in zip(timeline.feed.fields, expected["columns"]):
                found = cells(rows.columns[field.name])
                self.assertIn(found, (values, [None] * len(values)))
        return [damage.offset for damage in file.damage + rows.damage]

    def test_every_flipped_byte(self):
        group = SealedFile("whole", self.data).timelines[0].groups[0]
        ends = footers(self.data)
        self.assertEqual(len(ends), 2)
        for place in range(len(self.data)):
            data = bytearray(self.data)
            data[place] ^= 1 << place % 8
            with self.subTest(place=place):
                found = self.check(data)
                for chunk in [group.times, *group.chunks]:
                    if chunk.offset <= place < chunk.offset + chunk.length:
                        self.assertEqual(found, [chunk.offset])
                if place < 16:
                    self.assertEqual(found, [place])
                for start, end in ends:
                    if start <= place < end:
                        self.assertEqual(len(found), 1)
                        self.assertIn(found[0], range(start, end))

    def test_every_cut(self):
        for end in range(len(self.data)):
            with self.subTest(end=end):
                self.assertEqual(len(self.check(self.data[:end])), 1)

    def test_a_later_version(self):
        data = bytearray(self.data)
        last = SealedFile("whole", self.data).footer_offset
        data[8:12] = struct.pack("<I", 9)
        self.assertEqual(self.check(data), [8])
        for end in (last, len(data)):
            data[end - 12 : end - 8] = struct.pack("<I", 9)
        with self.assertRaisesRegex(FormatError, "at byte 8: version 9 .* newer Cerro: upgrade"):
            SealedFile("f", data)

    def test_a_footer_that_lies_about_its_length(self):
        for lie in (0, 1 << 20, (1 << 63) - 1, (1 << 64) - 1):
            for place in (0, 8, 16):
                data = bytearray(self.data)
                at = len(data) - 40
                data[at + place : at + place + 8] = struct.pack("<Q", lie)
                offset = struct.unpack_from("<Q", self.data, at)[0]
                crc = crc32c(data[at : at + 24], crc32c(data[offset:at]))
                data[at + 24 : at + 28] = struct.pack("<I", crc)
                with self.subTest(lie=lie, place=place):
                    self.assertEqual(len(self.check(data)), 1)


class DamageOfVersion2Test(DamageTest):
    """The same of a file with two equal footers."""

    NAME = "all-types-2.cerro"


class ReducedDamageTest(unittest.TestCase):
    """Damage to what retention left."""

    def test_flipped_bytes(self):
        for name in ("reduced-2.cerro", "reduced-3.cerro"):
            with self.subTest(name):
                self.flip((CORPUS / name).read_bytes())

    def flip(self, data):
        def rollups(file, damage):
            found = {}
            for line in file.reduced:
                for field in line.feed.fields:
                    for tier in ("minute", "hour"):
                        for part in line.rollups(field.name, tier, damage):
                            key = line.name, field.name, tier, int(part.starts[0])
                            found[key] = [column.tobytes() for column in (
                                part.starts, part.counts, part.nans, part.min, part.max, part.sum,
                            )]
            return found

        whole = rollups(SealedFile("whole", data), None)
        self.assertEqual(len(whole), 25)
        missed = 0
        for place in range(16, len(data), 41):
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            damage = []
            file = SealedFile("f", flipped)
            found = rollups(file, damage)
            with self.subTest(place=place):
                self.assertEqual({key: whole[key] for key in found}, found)
                self.assertEqual(bool(damage), len(found) < len(whole))
            missed += len(found) < len(whole)
        self.assertGreater(missed, 50)


class PartsTest(unittest.TestCase):
    """The pieces of the format for themselves."""

    def test_the_checksum(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        data = np.random.default_rng(1).integers(0, 256, 200_001, np.uint8).tobytes()
        slow = 0
        for start in range(0, len(data), 1000):
            slow = crc32c(data[start : start + 1000], slow)
        self.assertEqual(crc32c(data), slow)

    def test_packed_integers(self):
        cases = [
            # Factor 1, one group of mode 0, width 0, base 5: three times 5.
            (b"\x02\x00\x0a", 3, [5, 5, 5]),
            # Factor 10, origin 7, mode 1 of width 0 with base 1: p + 1, p + 2.
            (b"\x14\x0e\x40\x02", 2, [17, 27]),
            # Mode 3 of width 2, base 0, residuals 1, 2, 3.
            (b"\x02\xc2\x00\x39", 3, [1, 4, 10]),
            # Mode 2 of width 0, base 0, slope -128: half a step a row, rounded down.
            (b"\x02\x80\x00\xff\x01", 4, [0, -1, -1, -2]),
            # No value: no bytes, no factor either.
            (b"", 0, []),
        ]
        for data, count, expected in cases:
            values, used = unpack(memoryview(data), count)
            self.assertEqual(values.tolist(), expected)
            self.assertEqual(used, len(data))
            for end in range(len(data)):
                with self.assertRaises(Truncated):
                    unpack(memoryview(data[:end]), count)

    def test_a_journal(self):
        opening = bytes.fromhex("9501a161a1620790")
        body = struct.pack("<I", len(opening)) + opening
        frame = b"\xa7\xc3\x52\x4f" + body[:4] + struct.pack("<I", crc32c(body)) + opening
        whole = Journal("j", frame + frame)
        self.assertEqual((whole.archive, whole.id, whole.created), ("a", "b", 7))
        self.assertEqual(whole.damage, [])
        for place in range(len(frame)):
            data = bytearray(frame + frame)
            data[place] ^= 4
            found = Journal("j", data)
            self.assertEqual([d.offset for d in found.damage], [0])
            self.assertEqual(found.created, 7)
        cut = Journal("j", frame + frame[:-1])
        self.assertEqual([d.offset for d in cut.damage], [len(frame)])

    def test_journals_without_an_opening(self):
        opening = bytes.fromhex("9501a161a1620790")
        body = struct.pack("<I", len(opening)) + opening
        frame = b"\xa7\xc3\x52\x4f" + body[:4] + struct.pack("<I", crc32c(body)) + opening
        with tempfile.TemporaryDirectory() as folder:
            day = Path(folder, "2026/11/21")
            day.mkdir(parents=True)
            # The one in the middle is about to be begun, and says nothing.
            for name, data in [("1-a", frame), ("2-b", b""), ("3-c", frame)]:
                Path(day, f"{name}.journal").write_bytes(data)
            archive = ArchiveFolder(folder)
            self.assertEqual(archive._ends(), [{}, {}, None])


if __name__ == "__main__":
    unittest.main()
