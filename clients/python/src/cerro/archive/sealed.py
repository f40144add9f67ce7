"""Sealed files."""

import struct

import numpy as np

from ..checksum import crc32c
from . import columns
from .errors import Damage, FormatError
from .footers import HEAD, MAGIC, TRAILER, VERSION, End, decompressed, refusal, zstandard
from .integers import Truncated
from .timelines import Chunk, ReducedTimeline, Timeline

# What a reader takes on trust of a length that a file states.
MOST_CHUNK_BYTES = 16 << 20


class SealedFile:
    """A sealed file: what its footer says, and its columns when they are asked for.

    `data` are the bytes of the file; without them the file at `path` is mapped into memory.
    `damage` lists what is wrong with its head and its footers although enough of them can be
    read. `lost` are the bytes that no footer describes any more, as pairs of the first one and
    the one behind the last; it is empty where no row is lost with a footer. `instances` are the
    names of all that had rows in a file which was imported, also where theirs are lost; of others
    `cursors` tell that.
    """

    def __init__(self, path, data=None):
        self.path = str(path)
        self.data = memoryview(np.memmap(path, np.uint8, "r") if data is None else data)
        if len(self.data) < HEAD + TRAILER:
            raise FormatError(self.path, len(self.data), "the file ends: too short to be sealed")
        try:
            end = End(self.path, self.data)
        except FormatError:
            self._check_head()
            raise
        self.footer, self.version, self.footer_offset = end.value, end.version, end.offset
        self.damage, self.lost = end.damage, end.lost
        self._compare_head()
        try:
            self.id = self.footer["id"]
            self.archive = self.footer["archive"]
            self.created = self.footer["created"]
            self.sources = list(self.footer["sources"])
            self.received = tuple(self.footer["received"][:2])
            self.cursors_before = [tuple(c[:5]) for c in self.footer["cursors_before"]]
            self.cursors = [tuple(c[:5]) for c in self.footer["cursors"]]
            self.instances = list(self.footer.get("instances", []))
            self.ledger = list(self.footer["ledger"])
            self.unreadable = list(self.footer["unreadable"])
            self.declarations = [tuple(d[:4]) for d in self.footer["declarations"]]
            self.segment_damage = list(self.footer["damage"])
            self.timelines = [Timeline(self, part) for part in self.footer["timelines"]]
            # What retention left of rows that it removed; most files have none.
            self.reduced = [
                ReducedTimeline(self, part) for part in self.footer.get("reduced", [])
            ]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(self.path, self.footer_offset, f"the footer lacks {error}") from error

    def _check_head(self):
        """Refuses a file without a footer by its head: what is something else, or newer."""
        if self.data[:8] != MAGIC:
            raise FormatError(self.path, 0, "no magic: this is no sealed file")
        version = struct.unpack_from("<I", self.data, 8)[0]
        if not 1 <= version <= VERSION:
            raise FormatError(self.path, 8, refusal(version))

    def _compare_head(self):
        """Notes what is wrong with the head, which is not needed where there is a footer."""
        expected = struct.pack("<8sII", MAGIC, self.version, 0)
        for place in range(HEAD):
            if self.data[place] != expected[place]:
                what, cost = "not what each file begins with", "nothing: the footer tells all"
                self.damage.append(Damage(self.path, place, what, cost))
                return

    def bytes(self, chunk):
        """The bytes of a chunk after its checksum."""
        data = self.data[chunk.offset : chunk.offset + chunk.length]
        if len(data) != chunk.length:
            what = f"a chunk of {chunk.length} bytes, and the file has {len(self.data)}"
            raise FormatError(self.path, chunk.offset, what)
        found = crc32c(data)
        if found != chunk.crc:
            what = f"a chunk is damaged: checksum {found:08x}, expected {chunk.crc:08x}"
            raise FormatError(self.path, chunk.offset, what)
        return data

    def column(self, chunk, kind, rows):
        """The column of `rows` values of type `kind` in a chunk."""
        data = self.bytes(chunk)
        try:
            if chunk.plain_length > MOST_CHUNK_BYTES:
                raise Truncated(f"{chunk.plain_length} plain bytes")
            if chunk.encoding in (1, 2, 4):
                data = memoryview(decompressed(data, chunk.plain_length))
            elif len(data) != chunk.plain_length:
                raise Truncated(f"{len(data)} bytes, expected {chunk.plain_length}")
            readers = {
                0: columns.plain, 1: columns.plain, 2: columns.planes,
                3: columns.packed, 4: columns.packed,
            }
            if chunk.encoding not in readers:
                raise Truncated(f"encoding {chunk.encoding}, which is of a later version")
            return readers[chunk.encoding](data, kind, rows)
        except (Truncated, zstandard.ZstdError, UnicodeDecodeError) as error:
            raise FormatError(self.path, chunk.offset, f"a chunk is none: {error}") from error

    def payload(self, record):
        """The payload of an unreadable record, as it came."""
        chunk = Chunk.parse(record["chunk"])
        data = self.bytes(chunk)
        if chunk.encoding == 0:
            return bytes(data)
        try:
            return decompressed(data, chunk.plain_length)
        except (Truncated, zstandard.ZstdError) as error:
            raise FormatError(self.path, chunk.offset, f"a chunk is none: {error}") from error

    def timeline(self, name):
        """The timelines called `instance.feed`, in order of arrival."""
        return [timeline for timeline in self.timelines if timeline.name == name]
