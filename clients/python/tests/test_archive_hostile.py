"""Sealed files that lie about their footers: to read them costs no more than they are long."""

import struct
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import msgpack  # noqa: E402
from test_archive_parts import DATA, FOOTER, end  # noqa: E402

from cerro.archive import FormatError, SealedFile, crc32c  # noqa: E402
from cerro.archive import footers as module  # noqa: E402

LAST = [False, False, True]


def nested():
    """A file of 400 trailers, of which each claims all that is before it; and where they end."""
    data, ends = DATA[:16] + bytes([7]) * 65536, []
    for _ in range(400):
        data += struct.pack("<QQQII", 16, len(data) - 16, 1, 0, 3) + module.CLOSING_MAGIC
        ends.append(len(data))
    return data, ends


def row(footer):
    """A file of eight equal footers, one behind the other; and where they end."""
    data, ends = DATA[:16], []
    for _ in range(8):
        data += end(footer, len(data))
        ends.append(len(data))
    return data, ends


def plain(footer):
    """The length of a footer once decompressed."""
    return len(msgpack.packb(footer))


class LyingFootersTest(unittest.TestCase):
    """Checksums that are all right do not have a reader work without end."""

    def summed(self, data, check):
        """Passes the file to `check`, and returns how many bytes of it were summed up."""
        summed = []

        def counted(part, before=0):
            summed.append(len(part))
            return crc32c(part, before)

        with mock.patch.object(module, "crc32c", counted):
            check(data)
        return sum(summed)

    def refused(self, data, count, start, stop):
        """The file is refused for so many footers from one byte to another."""
        with self.assertRaises(FormatError) as found:
            SealedFile("f", data)
        self.assertEqual(found.exception.offset, start)
        text = f"{count} footers up to byte {stop} are said to have more bytes than the file"
        self.assertIn(text, found.exception.what)
        self.assertIn("take the file from a copy", found.exception.what)

    def test_parts_that_claim_the_same_bytes_do_not_have_them_summed_up_again(self):
        data, ends = nested()
        data += end(FOOTER | {"id": "f" * 32, "parts": ends, "part": LAST}, len(data))
        summed = self.summed(
            data, lambda data: self.assertEqual(len(SealedFile("f", data).lost), len(ends))
        )
        self.assertLess(summed, len(data))

    def test_nor_does_the_search_for_the_last_whole_footer(self):
        data, _ = nested()
        size = len(data)
        summed = self.summed(data, lambda data: self.refused(data, 2, size - 40, size))
        self.assertLess(summed, 3 * size)

    def test_footers_that_the_search_has_to_unpack_are_counted(self):
        footer = FOOTER | {"id": "f" * 32}
        data, ends = row(footer)
        data = bytearray(data)
        for each in ends:
            # The checksum does not cover the version, of which the footer says another.
            data[each - 12] = 1
        with mock.patch.object(module, "MOST_FOOTER_BYTES", 3 * plain(footer)):
            self.refused(data, 4, ends[4], ends[7])
            # One that is whole is found before that.
            data[ends[4] - 12] = 3
            self.assertEqual(SealedFile("f", data).id, "f" * 32)

    def test_parts_of_another_file_are_counted(self):
        part = FOOTER | {"id": "0" * 32, "part": LAST}
        data, ends = row(part)
        last = FOOTER | {"id": "f" * 32, "parts": ends, "part": LAST}
        data += end(last, len(data))
        self.assertEqual(len(SealedFile("f", data).lost), 8)
        with mock.patch.object(module, "MOST_FOOTER_BYTES", plain(last) + 3 * plain(part)):
            self.refused(data, 4, 16, ends[3])

    def test_so_are_those_that_a_whole_footer_names(self):
        part = FOOTER | {"id": "0" * 32, "part": LAST}
        data, ends = row(part)
        data += end(FOOTER | {"id": "f" * 32, "parts": ends}, len(data))
        self.assertEqual(len(SealedFile("f", data).damage), 8)
        with mock.patch.object(module, "MOST_FOOTER_BYTES", 3 * plain(part)):
            damage = SealedFile("f", data).damage
        self.assertEqual(len(damage), 5)
        self.assertIn(f"4 footers up to byte {ends[3]} are said", damage[-1].what)

    def test_a_chunk_or_a_number_of_rows_that_is_none_is_refused(self):
        declaration = {
            "feed": "f", "description": "", "period_ns": None, "lateness_ns": 0, "durable": False,
            "fields": [],
        }

        def file(rows, times):
            group = {"rows": rows, "range": [7, 8], "delays": [0, 0], "times": times}
            group |= {"columns": [], "rollups": []}
            line = {"instance": "i", "declaration": declaration, "epochs": [], "groups": [group]}
            return DATA[:16] + end(FOOTER | {"id": "f" * 32, "timelines": [line]}, 16)

        good = [16, 1, 1, 0, 0]
        self.assertEqual(SealedFile("f", file(1, good)).timelines[0].rows, 1)
        for lie in ({}, [], "x", None, 0.5, True):
            for place in range(5):
                with self.subTest(lie=lie, place=place), self.assertRaises(FormatError):
                    SealedFile("f", file(1, [*good[:place], lie, *good[place + 1 :]]))
            with self.subTest(rows=lie), self.assertRaises(FormatError):
                SealedFile("f", file(lie, good))


if __name__ == "__main__":
    unittest.main()
