"""Sealed files whose footer stands in parts among the chunks: what is left of a damaged one."""

import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import msgpack  # noqa: E402
import zstandard  # noqa: E402

from cerro.archive import ArchiveFolder, FormatError, SealedFile, crc32c  # noqa: E402
from cerro.archive import footers as module  # noqa: E402

DATA = (ROOT / "Tests" / "Corpus" / "archive" / "parts-3.cerro").read_bytes()
WHOLE = SealedFile("whole", DATA)
#: Where the trailers of the parts end; each ends behind what it describes.
PARTS = WHOLE.footer["parts"]
#: The same of all footers, and of the nothing before the first one.
ENDS = [16, *PARTS, len(DATA)]
KINDS = ("timelines", "reduced")

FEED = {
    "feed": "speed", "description": "", "period_ns": None, "lateness_ns": 0, "durable": False,
    "fields": [{"name": "v", "type": "double", "unit": None, "description": "", "limits": None}],
}
#: What is in a footer without timelines but its id.
FOOTER = {
    "version": 3, "archive": "archive", "created": 8, "sources": [], "received": [7, 8],
    "cursors_before": [], "cursors": [], "timelines": [], "ledger": [], "unreadable": [],
    "declarations": [], "damage": [], "parts": [],
}


def part_of(group):
    """The number of the part that describes a group: the first one behind its chunks."""
    chunk = group.get("times") or group["rollups"][0]["starts"]
    return next(number for number, end in enumerate(PARTS) if chunk[0] < end)


def described(kind, missing):
    """What a footer says of timelines where the parts `missing` are gone.

    Instance, declaration and groups of each, the groups packed, since a NaN is not itself; a
    timeline that goes on behind a part that is gone is two.
    """
    found = []
    for timeline in WHOLE.footer[kind]:
        before = None
        for group in timeline["groups"]:
            part = part_of(group)
            if part in missing:
                continue
            if before is None or any(before < gone < part for gone in missing):
                found.append((timeline["instance"], timeline["declaration"], []))
            found[-1][-1].append(msgpack.packb(group))
            before = part
    return found


def damaged(*footers):
    """The file with a flipped byte in each footer of these numbers; -1 is the last one."""
    data = bytearray(DATA)
    for number in footers:
        end = ENDS[1:][number]
        offset = struct.unpack_from("<Q", DATA, end - 40)[0]
        data[(offset + end) // 2] ^= 8
    return bytes(data)


def end(value, offset):
    """A footer that begins at byte `offset`, and its trailer."""
    plain = msgpack.packb(value)
    packed = zstandard.compress(plain)
    known = struct.pack("<QQQ", offset, len(packed), len(plain))
    crc = crc32c(known, crc32c(packed))
    return packed + known + struct.pack("<II", crc, 3) + module.CLOSING_MAGIC


def footer_before(end):
    """The footer of the file whose trailer ends at a byte."""
    return module.Footer.before("f", memoryview(DATA), end, module.Allowance(DATA))


def with_last_part(number=-1, **changes):
    """The file up to a part, the last one unless told, in whose map something is changed."""
    last = footer_before(PARTS[number])
    return DATA[:last.offset] + end(last.value | changes, last.offset)


class PartsTest(unittest.TestCase):
    """Each part tells what stands before it, whatever else is gone."""

    def test_the_corpus_has_parts_at_all_places(self):
        numbers = {kind: [[part_of(group) for group in timeline["groups"]]
                          for timeline in WHOLE.footer[kind]] for kind in KINDS}
        found = {part for kind in KINDS for parts in numbers[kind] for part in parts}
        # What nobody could decode is behind all groups.
        self.assertEqual(found | {len(PARTS) - 1}, set(range(len(PARTS))))
        self.assertTrue(any(len(set(parts)) > 1 for parts in numbers["timelines"]))
        self.assertEqual((WHOLE.lost, WHOLE.damage), ([], []))

    def check(self, file, missing, lost):
        """The file has what the parts other than `missing` describe, and tells what is lost."""
        for kind in KINDS:
            found = [
                (t["instance"], t["declaration"], [msgpack.packb(group) for group in t["groups"]])
                for t in file.footer.get(kind, [])
            ]
            self.assertEqual(found, described(kind, missing))
        whole = {group.times: rows for group, rows in self.rows(WHOLE)}
        for group, rows in self.rows(file):
            self.assertEqual(rows, whole[group.times])
        for timeline in file.reduced:
            for tier in ("minute", "hour"):
                timeline.rollups("field_7", tier)
        rubbish = [] if len(PARTS) - 1 in missing else [b"rubbish"]
        self.assertEqual([file.payload(record) for record in file.unreadable], rubbish)
        self.assertEqual(file.lost, lost)
        self.assertEqual((file.id, file.sources), (WHOLE.id, WHOLE.sources))
        for name in ("cursors_before", "cursors", "segment_damage", "received", "created"):
            self.assertEqual(getattr(file, name), getattr(WHOLE, name))
        if lost:
            self.assertEqual([d.offset for d in file.damage], [start for start, _ in lost])
            self.assertEqual({d.cost for d in file.damage}, {"the rows in them"})
        else:
            self.assertEqual(len(file.damage), 1)
            self.assertIn("nothing", file.damage[0].cost)

    @staticmethod
    def rows(file):
        """Each group and its rows."""
        for timeline in file.timelines:
            times, columns = [], []
            rows = timeline.read()
            if rows.damage:
                raise AssertionError(rows.damage)
            times = rows.times.tolist()
            columns = [rows.columns[field.name].values.tolist() for field in timeline.feed.fields]
            start = 0
            for group in timeline.groups:
                part = slice(start, start + group.rows)
                yield group, (times[part], [column[part] for column in columns])
                start += group.rows

    def test_every_cut_costs_what_stood_behind_it(self):
        cuts = {len(DATA) * step // 256 for step in range(256)}
        cuts.update(end + near for end in PARTS for near in (-1, 0, 1))
        refused = 0
        for cut in sorted(cuts):
            with self.subTest(cut=cut):
                left = [end for end in PARTS if end <= cut]
                try:
                    file = SealedFile("f", DATA[:cut])
                except FormatError as error:
                    self.assertEqual(left, [])
                    self.assertLessEqual(error.offset, cut)
                    refused += 1
                    continue
                self.assertNotEqual(left, [])
                missing = range(len(left), len(PARTS))
                self.check(file, missing, [(left[-1], cut)] if missing else [])
        self.assertGreater(refused, 10)
        self.assertGreater(len(cuts) - refused, 100)

    def test_a_damaged_last_footer_costs_nothing(self):
        self.check(SealedFile("f", damaged(-1)), [], [])

    def test_a_damaged_part_of_a_whole_file_costs_nothing(self):
        for number, part in enumerate(PARTS):
            with self.subTest(part=number):
                file = SealedFile("f", damaged(number))
                self.check(file, [], [])
                self.assertIn(file.damage[0].offset, range(ENDS[number], part))

    def test_a_damaged_last_footer_and_a_damaged_part_cost_that_part(self):
        # The last part has the accounts, so that the first one may be gone.
        for number in range(len(PARTS) - 1):
            with self.subTest(part=number):
                lost = (ENDS[number], ENDS[number + 1])
                self.check(SealedFile("f", damaged(number, -1)), [number], [lost])

    def test_two_places_are_two_losses(self):
        last = len(PARTS) - 1
        for first, second in ((0, 2), (1, 2), (1, last)):
            with self.subTest(parts=(first, second)):
                behind = len(DATA) if second == last else ENDS[second + 1]
                lost = [(ENDS[first], ENDS[first + 1]), (ENDS[second], behind)]
                file = SealedFile("f", damaged(first, second, -1))
                self.check(file, [first, second], lost)

    def test_without_accounts_the_file_is_refused(self):
        with self.assertRaises(FormatError) as found:
            SealedFile("f", damaged(0, len(PARTS) - 1, -1))
        # The problem is that of the end.
        self.assertGreaterEqual(found.exception.offset, PARTS[-1])

    def test_lies_about_parts_are_refused(self):
        whole = SealedFile("f", with_last_part())
        self.check(whole, [], [])
        far = 1 << 62
        for lie in (
            PARTS[-2::-1], [PARTS[0]] * 2, [*PARTS[:-1], len(DATA) + 40], [*PARTS[:-1], PARTS[-1]],
            [far], [-far], [0], [16],
        ):
            with self.subTest(parts=lie), self.assertRaises(FormatError):
                SealedFile("f", with_last_part(parts=lie))
        many = list(range(17, 18 + module.MOST_PARTS))
        for lie in (["x"], [True], [None], [0.5], 7, "x", {}, many):
            with self.subTest(parts=repr(lie)[:40]):
                # No footer, so that the part before it is the last one.
                file = SealedFile("f", with_last_part(parts=lie))
                self.assertEqual([start for start, _ in file.lost], [PARTS[-2]])

    def test_lies_about_a_part_are_refused(self):
        for lie in ([], [True, True], [0, 0, 1], True, "last", {}):
            with self.subTest(part=lie):
                file = SealedFile("f", with_last_part(part=lie))
                self.assertEqual([start for start, _ in file.lost], [PARTS[-2]])
        for key in ("timelines", "reduced", "unreadable"):
            for lie in (7, "x", {"groups": 7}, *([] if key == "unreadable" else ([7], [{}]))):
                with self.subTest(key=key, lie=lie), self.assertRaises(FormatError):
                    SealedFile("f", with_last_part(**{key: lie}))

    def test_a_part_at_a_place_where_there_is_none_is_lost(self):
        parts = [PARTS[0], PARTS[1] - 1, *PARTS[2:-1]]
        file = SealedFile("f", with_last_part(parts=parts))
        self.assertEqual(file.lost[0], (PARTS[0], PARTS[1] - 1))

    def test_parts_that_overlap_are_lost(self):
        parts = [PARTS[1] - 1, *PARTS[1:-1]]
        file = SealedFile("f", with_last_part(parts=parts))
        self.assertEqual(file.lost, [(16, PARTS[1] - 1), (PARTS[1] - 1, PARTS[1])])

    def test_what_continues_nothing_is_a_timeline_of_its_own(self):
        for kind, other in (KINDS, KINDS[::-1]):
            groups = WHOLE.footer[kind][-1]["groups"]
            number = part_of(groups[-1])
            changes = {"parts": [], "part": [True, True, True], other: []}
            file = SealedFile("f", with_last_part(number, **changes))
            self.assertEqual((len(getattr(file, kind)), file.lost), (1, []))
            self.assertEqual(
                [group.rows for group in getattr(file, kind)[0].groups],
                [group["rows"] for group in groups if part_of(group) == number],
            )

    def test_a_part_of_another_file_is_lost(self):
        file = SealedFile("f", with_last_part(id="0" * 32, parts=PARTS[:-1]))
        self.assertEqual(file.lost, list(zip(ENDS, PARTS[:-1])))

    def test_an_imported_file_tells_whose_rows_were_in_it(self):
        data, parts, names = DATA[:16], [], ["dome", "wind"]
        for number in range(3):
            told = {"instances": names} if number != 1 else {}
            value = {"id": "f" * 32, "parts": parts[:], "part": [False, False, number == 2]}
            data += end(FOOTER | value | told, len(data))
            parts.append(len(data))
        for cut in parts:
            self.assertEqual(SealedFile("f", data[:cut]).instances, names)
        self.assertEqual(WHOLE.instances, [])
        for lie in ("dome", 7, [7], [None], {}):
            with self.subTest(instances=lie), self.assertRaises(FormatError):
                SealedFile("f", DATA[:16] + end(FOOTER | {"id": "f", "instances": lie}, 16))

    def test_lies_in_the_last_footer_cost_nothing(self):
        offset = WHOLE.footer_offset
        for lie in (PARTS[::-1], [*PARTS, len(DATA) + 40], [1 << 62], [-5], PARTS[:1] * 3):
            with self.subTest(parts=lie):
                file = SealedFile("f", DATA[:offset] + end(WHOLE.footer | {"parts": lie}, offset))
                self.assertEqual(file.lost, [])
                self.assertTrue(file.damage)
                self.assertTrue(all("nothing" in damage.cost for damage in file.damage))
                self.assertEqual(len(file.timelines), len(WHOLE.timelines))

    def test_a_reduced_timeline_goes_on_in_the_next_part(self):
        data, parts = sealed("f" * 32, [])[:16], []
        for number in range(4):
            group = {
                "rows": number, "range": [7, 8], "delays": [0, 0], "statistics": [], "rollups": [],
            }
            feed = FEED | {"fields": []}
            line = {"instance": "wind", "declaration": feed, "epochs": [5], "groups": [group]}
            data += end(FOOTER | {
                "id": "f" * 32, "parts": parts[:], "part": [False, number > 0, number == 3],
                "reduced": [line],
            }, len(data))
            parts.append(len(data))
        for lost, expected in ((None, [[0, 1, 2, 3]]), (1, [[0], [2, 3]]), (0, [[1, 2, 3]])):
            flipped = bytearray(data)
            if lost is not None:
                flipped[parts[lost] - 50] ^= 1
            found = SealedFile("f", flipped).reduced
            self.assertEqual([[g.rows for g in line.groups] for line in found], expected)

    def test_a_footer_says_the_version_of_its_trailer(self):
        # The checksum does not cover that, and files of other versions have no parts there.
        for version in (1, 2):
            data = bytearray(DATA)
            data[-12] = version
            self.check(SealedFile("f", data), [], [])

    def test_all_parts_together_have_a_bound(self):
        lengths = [footer_before(part).plain_length for part in PARTS]
        with mock.patch.object(module, "MOST_FOOTER_BYTES", sum(lengths)):
            self.check(SealedFile("f", damaged(-1)), [], [])
        with mock.patch.object(module, "MOST_FOOTER_BYTES", sum(lengths) - 1):
            with self.assertRaises(FormatError):
                SealedFile("f", damaged(-1))


def frame(payload):
    """A frame of a log or a journal."""
    plain = msgpack.packb(payload)
    body = struct.pack("<I", len(plain)) + plain
    return b"\xa7\xc3\x52\x4f" + body[:4] + struct.pack("<I", crc32c(body)) + plain


def segment(name, before, count):
    """A segment in which `wind` has `count` records of one row, behind the position `before`."""
    first = before + 1
    records = [
        [1, 5, position, 1, 0, [[struct.pack("<q", position), struct.pack("<d", position / 2)]]]
        for position in range(first, first + count)
    ]
    cursors = [["wind", 5, before, 0, False]] if before else []
    return b"".join(map(frame, [
        [1, "archive", name, 7, cursors],
        [2, "wind", 5, before, 0, 9, frame([2, 5, before, 1, 0, FEED])],
        [2, "wind", 5, first, count, 9, b"".join(map(frame, records))],
    ]))


def sealed(name, sources, before=0, is_cut=False):
    """A sealed file without rows; one that is cut has a part of its footer and no more."""
    value = FOOTER | {"id": name, "sources": sources, "cursors": [["wind", 5, 99, 0, False]]}
    if before:
        value["cursors_before"] = [["wind", 5, before, 0, False]]
    head = struct.pack("<8sII", module.MAGIC, 3, 0)
    return head + end(value | ({"part": [False, False, False]} if is_cut else {}), len(head))


class FolderTest(unittest.TestCase):
    """Segments that are still there count unless a whole file has what they have."""

    def positions(self, files):
        """The positions of the rows that an archive of these files has, and its damage."""
        with tempfile.TemporaryDirectory() as folder:
            day = Path(folder, "2026/11/21")
            day.mkdir(parents=True)
            for name, data in files.items():
                Path(day, name).write_bytes(data)
            archive = ArchiveFolder(folder)
            rows = [time for _, rows in archive.pieces("wind.speed") for time in rows.times]
            return rows, [damage.cost for damage in archive.damage]

    def test_a_segment_of_a_whole_file_does_not_count(self):
        files = {"01-aa.journal": segment("aa", 0, 3), "01-aa.cerro": sealed("f" * 32, ["aa"])}
        self.assertEqual(self.positions(files), ([], []))

    def test_a_segment_of_a_cut_file_counts_and_the_file_does_not(self):
        cut = sealed("f" * 32, ["aa"], is_cut=True)
        files = {"01-aa.journal": segment("aa", 0, 3), "01-aa.cerro": cut}
        cost = "nothing: what the file was made from is there"
        self.assertEqual(self.positions(files), ([1, 2, 3], [cost]))
        # The file before its repair is not there, but the segment has all.
        files["01-aa.cerro"] = sealed("f" * 32, ["aa", "e" * 32], is_cut=True)
        self.assertEqual(self.positions(files), ([1, 2, 3], [cost]))

    def test_a_cut_file_counts_where_not_all_that_it_was_made_from_is_there(self):
        cut = sealed("f" * 32, ["aa", "bb"], is_cut=True)
        files = {"01-aa.journal": segment("aa", 0, 3), "01-aa.cerro": cut}
        self.assertEqual(self.positions(files), ([], ["the rows in them"]))
        # A whole file has the rest.
        files["02-bb.cerro"] = sealed("e" * 32, ["bb"], before=3)
        cost = "nothing: what the file was made from is there"
        self.assertEqual(self.positions(files), ([1, 2, 3], [cost]))

    def test_a_segment_counts_as_far_as_the_sealed_file_behind_it_says(self):
        files = {
            "01-aa.journal": segment("aa", 0, 3),
            "01-aa.cerro": sealed("f" * 32, ["aa"], is_cut=True),
            "02-bb.cerro": sealed("e" * 32, ["bb"], before=2),
            "03-cc.journal": segment("cc", 99, 1),
        }
        self.assertEqual(self.positions(files)[0], [1, 2, 100])


if __name__ == "__main__":
    unittest.main()
