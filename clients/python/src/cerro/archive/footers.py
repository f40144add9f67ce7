"""The footers of sealed files: the last one, which tells all, and the parts before it."""

import struct
from dataclasses import dataclass

import msgpack

try:
    import zstandard
except ImportError:
    raise ImportError("cerro.archive needs zstandard: `pip install cerro[archive]`") from None

from ..checksum import crc32c
from .errors import Damage, FormatError
from .integers import Truncated

MAGIC = b"\x89CERRO\r\n"
CLOSING_MAGIC = MAGIC[::-1]
VERSION = 3
HEAD, TRAILER = 16, 40
# What a reader takes on trust of a length that a file states; of footers looked at in vain, and of
# parts, all together once decompressed.
MOST_FOOTER_BYTES = 256 << 20
MOST_PARTS = 65_536
# Bytes of a damaged file in which a whole footer is looked for at once.
SEARCH_WINDOW = 1 << 20


def refusal(version):
    """Why a file of this version is not read."""
    advice = "written by a newer Cerro: upgrade" if version > VERSION else "damaged"
    return f"version {version} of the format; this reads 1 to {VERSION}: {advice}"


def decompressed(data, length):
    """What the zstd frame `data` holds, which has to be `length` bytes."""
    parameters = zstandard.get_frame_parameters(data)
    if parameters.content_size != length:
        raise Truncated(f"zstd holds {parameters.content_size} bytes, expected {length}")
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=length)


class Allowance:
    """What looking at footers of one file may still cost: bytes in the file, and decompressed.

    Those of a file that Cerro wrote lie one behind the other, so that together they are shorter
    than it. In others a few bytes may claim to be a thousand footers of gigabytes.
    """

    def __init__(self, data):
        self.stored, self.plain = len(data), MOST_FOOTER_BYTES
        self.count = 0

    def refuse_if_spent(self, path, start, end):
        """Raises if more was asked for by the footers between two bytes."""
        self.count += 1
        if self.stored < 0 or self.plain < 0:
            what = (
                f"{self.count} footers up to byte {end} are said to have more bytes than the file, "
                f"or than {MOST_FOOTER_BYTES} once decompressed, and no more are looked at: no "
                "Cerro writes that; take the file from a copy of the archive"
            )
            raise FormatError(path, start, what)


@dataclass(frozen=True)
class Footer:
    """A whole footer: its map, the version in its trailer, where it begins and its trailer ends."""

    value: dict
    version: int
    offset: int
    end: int
    plain_length: int

    @staticmethod
    def before(path, data, end, allowance, start=HEAD):
        """The footer of `data` whose trailer ends at byte `end`, and that begins behind `start`.

        What has to be read and decompressed to find that out is taken from `allowance`.
        """
        at = end - TRAILER
        if at < HEAD or end > len(data):
            raise FormatError(path, end, "the file ends: too short to be sealed")
        offset, length, plain, crc, version, magic = struct.unpack_from("<QQQII8s", data, at)
        if magic != CLOSING_MAGIC:
            raise FormatError(path, end - 8, "no closing magic: the file is cut or damaged")
        if not 1 <= version <= VERSION:
            raise FormatError(path, end - 12, refusal(version))
        if offset < start or offset + length != at or plain > MOST_FOOTER_BYTES:
            what = f"a footer of {length} bytes ({plain} plain) is said to be at byte {offset}"
            raise FormatError(path, at, what)
        allowance.stored -= length
        if allowance.stored < 0:
            raise FormatError(path, offset, f"{length} bytes of a footer are not read")
        found = crc32c(data[at : at + 24], crc32c(data[offset:at]))
        if found != crc:
            what = f"the footer is damaged: checksum {found:08x}, expected {crc:08x}"
            raise FormatError(path, offset, what)
        allowance.plain -= plain
        try:
            value = msgpack.unpackb(
                decompressed(data[offset:at], plain), raw=False, strict_map_key=False
            )
        except (Truncated, zstandard.ZstdError, ValueError, msgpack.UnpackException) as error:
            raise FormatError(path, offset, f"the footer is none: {error}") from error
        if not isinstance(value, dict):
            raise FormatError(path, offset, "the footer is no map")
        # The checksum does not cover the version in the trailer.
        if value.get("version") != version:
            what = f"version {version} of the format, and the footer says {value.get('version')}"
            raise FormatError(path, end - 12, what)
        part, parts = value.get("part"), value.get("parts", [])
        if part is not None and not (_is_list(part, bool) and len(part) >= 3):
            raise FormatError(path, offset, "`part` is not as expected")
        if not _is_list(parts, int) or len(parts) > MOST_PARTS:
            raise FormatError(path, offset, "`parts` is not as expected")
        if not _is_list(value.get("instances", []), str):
            raise FormatError(path, offset, "`instances` is not as expected")
        return Footer(value, version, offset, end, plain)

    @property
    def is_part(self):
        """Whether it tells only of what stands between the part before it and itself."""
        return self.value.get("part") is not None

    @property
    def is_last(self):
        """Whether no chunk follows."""
        return not self.is_part or self.value["part"][2]

    @property
    def parts(self):
        """Where the trailers of the parts before it end."""
        return self.value.get("parts", [])


def _is_list(value, kind):
    return isinstance(value, list) and all(type(each) is kind for each in value)


class End:
    """What the footers of a file say together, and what no footer describes any more.

    `value` is the map of the footer that tells all, or that of the parts that are left; `lost`
    are ranges of bytes as pairs of their first one and the one behind them.
    """

    def __init__(self, path, data):
        self._path, self._data = path, data
        self.lost, self.damage = [], []
        try:
            last = Footer.before(path, data, len(data), Allowance(data))
            problem = None
        except FormatError as error:
            problem = error
        else:
            if last.is_part:
                what = "the last footer is not there: the file is cut"
                problem = FormatError(path, len(data), what)
        if problem is None:
            self._check_parts(last)
            self.value = last.value
        else:
            last = self._last()
            if last is None:
                raise problem
            self.value = self._joined(last, problem) if last.is_part else last.value
            self._note(problem, last)
        self.version, self.offset = last.version, last.offset

    def _last(self):
        """The last whole footer; none is None."""
        allowance, width = Allowance(self._data), len(CLOSING_MAGIC)
        end = size = len(self._data)
        while end > HEAD:
            start = max(0, end - SEARCH_WINDOW)
            window = bytes(self._data[start : end + width - 1])
            place = window.rfind(CLOSING_MAGIC)
            while place >= 0:
                try:
                    return Footer.before(self._path, self._data, start + place + width, allowance)
                except FormatError:
                    allowance.refuse_if_spent(self._path, start + place + width, size)
                    place = window.rfind(CLOSING_MAGIC, 0, place + width - 1)
            end = start
        return None

    def _note(self, problem, last):
        for start, end in self.lost:
            what = f"what describes the bytes up to {end} is cut off or damaged"
            self.damage.append(Damage(self._path, start, what, "the rows in them"))
        if not self.lost:
            cost = f"nothing: the {'parts' if last.is_part else 'footer'} before it tell all"
            self.damage.append(Damage(self._path, problem.offset, problem.what, cost))

    def _part(self, start, end, whole, allowance):
        """The part of the same file as `whole` between two bytes, at the end of them."""
        # What begins before would be summed up again for each of many trailers.
        part = Footer.before(self._path, self._data, end, allowance, start)
        if not part.is_part or part.value.get("id") != whole.value.get("id"):
            raise FormatError(self._path, part.offset, "no part of this file's footer")
        return part

    def _check_parts(self, last):
        """Notes what is wrong with the footers before the last one, which are not needed."""
        cost = "nothing: the footer behind it is whole"
        start, allowance = HEAD, Allowance(self._data)
        for end in [last.offset] if last.version == 2 else last.parts:
            try:
                if not start < end <= last.offset:
                    raise FormatError(self._path, last.offset, f"a part ends at byte {end}?")
                if last.version == 2:
                    Footer.before(self._path, self._data, end, allowance)
                else:
                    self._part(start, end, last, allowance)
            except FormatError as error:
                self.damage.append(Damage(self._path, error.offset, error.what, cost))
            try:
                allowance.refuse_if_spent(self._path, HEAD, end)
            except FormatError as error:
                self.damage.append(Damage(self._path, error.offset, error.what, cost))
                return
            start = max(start, end)

    def _joined(self, last, problem):
        """The map of the part `last` and those before it; raises `problem` if they do not do."""
        found = []
        start, allowance = HEAD, Allowance(self._data)
        allowance.plain -= last.plain_length
        for end in last.parts:
            # What lies about its parts could have one of them read again and again.
            if not start < end <= last.offset:
                raise problem
            try:
                part = self._part(start, end, last, allowance)
            except FormatError:
                part = None
                self.lost.append((start, end))
            allowance.refuse_if_spent(self._path, HEAD, end)
            found.append(part)
            start = end
        found.append(last)
        accounts = last if last.is_last else found[0]
        if accounts is None:
            raise problem
        if not last.is_last:
            self.lost.append((last.end, len(self._data)))
        try:
            lists = {
                "timelines": _continued(found, "timelines", 0),
                "reduced": _continued(found, "reduced", 1),
                "unreadable": [row for part in found if part for row in _rows(part, "unreadable")],
            }
        except (KeyError, TypeError, AttributeError) as error:
            what = f"a part of the footer is not as expected: {error}"
            raise FormatError(self._path, last.offset, what) from error
        return {key: each for key, each in (accounts.value | lists).items() if key != "part"}


def _rows(part, key):
    rows = part.value.get(key, [])
    if not isinstance(rows, list):
        raise TypeError(f"`{key}`: {rows!r:.40} is no array")
    return rows


def _continued(parts, key, flag):
    """The timelines under `key` of all parts; those that go on in the next part are one.

    A part that is lost is None: what goes on behind it is a timeline of its own.
    """
    joined = []
    is_behind_gap = False
    for part in parts:
        if part is None:
            is_behind_gap = True
            continue
        more = _rows(part, key)
        if not more:
            continue
        if part.value["part"][flag] and joined and not is_behind_gap:
            joined[-1]["groups"] += more[0]["groups"]
            more = more[1:]
        joined += more
        is_behind_gap = False
    return joined
