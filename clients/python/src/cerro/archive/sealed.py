"""Sealed files."""

import struct

import msgpack
import numpy as np

try:
    import zstandard
except ImportError:
    raise ImportError("cerro.archive needs zstandard: `pip install cerro[archive]`") from None

from ..checksum import crc32c
from . import columns
from .errors import Damage, FormatError
from .integers import Truncated
from .timelines import Chunk, ReducedTimeline, Timeline

MAGIC = b"\x89CERRO\r\n"
CLOSING_MAGIC = MAGIC[::-1]
VERSION = 2
_HEAD, _TRAILER = 16, 40
# What a reader takes on trust of a length that a file states.
MOST_CHUNK_BYTES = 16 << 20
MOST_FOOTER_BYTES = 256 << 20


def _refusal(version):
    advice = "written by a newer Cerro: upgrade" if version > VERSION else "damaged"
    return f"version {version} of the format; this reads 1 to {VERSION}: {advice}"


def _decompressed(data, length):
    parameters = zstandard.get_frame_parameters(data)
    if parameters.content_size != length:
        raise Truncated(f"zstd holds {parameters.content_size} bytes, expected {length}")
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=length)


class SealedFile:
    """A sealed file: what its footer says, and its columns when they are asked for.

    `data` are the bytes of the file; without them the file at `path` is mapped into memory.
    `damage` lists what is wrong with the ends of the file although one footer can be read.
    """

    def __init__(self, path, data=None):
        self.path = str(path)
        self.data = memoryview(np.memmap(path, np.uint8, "r") if data is None else data)
        self.damage = []
        if len(self.data) < _HEAD + _TRAILER:
            raise FormatError(self.path, len(self.data), "the file ends: too short to be sealed")
        try:
            self.footer = self._footer()
        except FormatError:
            self._check_head()
            raise
        self._compare_head()
        try:
            self.id = self.footer["id"]
            self.archive = self.footer["archive"]
            self.created = self.footer["created"]
            self.sources = list(self.footer["sources"])
            self.received = tuple(self.footer["received"][:2])
            self.cursors_before = [tuple(c[:5]) for c in self.footer["cursors_before"]]
            self.cursors = [tuple(c[:5]) for c in self.footer["cursors"]]
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
            raise FormatError(self.path, 8, _refusal(version))

    def _compare_head(self):
        """Notes what is wrong with the head, which is not needed where there is a footer."""
        expected = struct.pack("<8sII", MAGIC, self.version, 0)
        for place in range(_HEAD):
            if self.data[place] != expected[place]:
                what, cost = "not what each file begins with", "nothing: the footer tells all"
                self.damage.append(Damage(self.path, place, what, cost))
                return

    def _footer(self):
        """The last footer that is whole."""
        try:
            footer = self._footer_before(len(self.data))
        except FormatError as error:
            problem = error
        else:
            self._check_first_footer()
            return footer
        tail = bytes(self.data)
        end = tail.rfind(CLOSING_MAGIC, 0, len(tail) - 1)
        while end >= 0:
            try:
                footer = self._footer_before(end + len(CLOSING_MAGIC))
            except FormatError:
                end = tail.rfind(CLOSING_MAGIC, 0, end + len(CLOSING_MAGIC) - 1)
                continue
            cost = "nothing: the footer before it is whole"
            self.damage.append(Damage(self.path, problem.offset, problem.what, cost))
            return footer
        raise problem

    def _check_first_footer(self):
        """Notes what is wrong with the first footer, which is not needed."""
        place = self.footer_offset
        try:
            if self.version >= 2:
                self._footer_before(place)
        except FormatError as error:
            cost = "nothing: the footer behind it is whole"
            self.damage.append(Damage(self.path, error.offset, error.what, cost))
        self.footer_offset = place

    def _footer_before(self, end):
        """The footer whose trailer ends at byte `end`."""
        at = end - _TRAILER
        if at < _HEAD:
            raise FormatError(self.path, end, "the file ends: too short to be sealed")
        offset, length, plain, crc, version, magic = struct.unpack_from("<QQQII8s", self.data, at)
        if magic != CLOSING_MAGIC:
            raise FormatError(self.path, end - 8, "no closing magic: the file is cut or damaged")
        if not 1 <= version <= VERSION:
            raise FormatError(self.path, end - 12, _refusal(version))
        if offset < _HEAD or offset + length != at or plain > MOST_FOOTER_BYTES:
            what = f"a footer of {length} bytes ({plain} plain) is said to be at byte {offset}"
            raise FormatError(self.path, at, what)
        found = crc32c(self.data[at : at + 24], crc32c(self.data[offset:at]))
        if found != crc:
            what = f"the footer is damaged: checksum {found:08x}, expected {crc:08x}"
            raise FormatError(self.path, offset, what)
        try:
            footer = msgpack.unpackb(
                _decompressed(self.data[offset:at], plain), raw=False, strict_map_key=False
            )
        except (Truncated, zstandard.ZstdError, ValueError, msgpack.UnpackException) as error:
            raise FormatError(self.path, offset, f"the footer is none: {error}") from error
        if not isinstance(footer, dict):
            raise FormatError(self.path, offset, "the footer is no map")
        self.footer_offset = offset
        self.version = version
        return footer

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
                data = memoryview(_decompressed(data, chunk.plain_length))
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
            return _decompressed(data, chunk.plain_length)
        except (Truncated, zstandard.ZstdError) as error:
            raise FormatError(self.path, chunk.offset, f"a chunk is none: {error}") from error

    def timeline(self, name):
        """The timelines called `instance.feed`, in order of arrival."""
        return [timeline for timeline in self.timelines if timeline.name == name]
