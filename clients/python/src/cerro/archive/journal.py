"""Segments of logs and journals."""

import struct
from dataclasses import dataclass

import msgpack
import numpy as np

from .checksum import crc32c
from .columns import Column
from .errors import Damage, FormatError
from .model import Feed, Rows

MAGIC = b"\xa7\xc3\x52\x4f"
MOST_PAYLOAD_BYTES = 8 << 20
_HEAD = 12
DATA, DECLARATION, LOSS, END = 1, 2, 3, 4


@dataclass(frozen=True)
class Frame:
    """One frame: where it begins and ends, its checksum and its document."""

    offset: int
    end: int
    crc: int
    document: object


def _frame(data, offset):
    """The frame at `offset`; a text if there is none, None if it reaches beyond the bytes."""
    if len(data) - offset < _HEAD:
        return None
    magic, length, crc = struct.unpack_from("<4sII", data, offset)
    if magic != MAGIC:
        return "no magic"
    if not 1 <= length <= MOST_PAYLOAD_BYTES:
        return f"a length of {length} bytes"
    end = offset + _HEAD + length
    if end > len(data):
        return None
    found = crc32c(data[offset + _HEAD : end], crc32c(data[offset + 4 : offset + 8]))
    if found != crc:
        return f"checksum {found:08x}, expected {crc:08x}"
    try:
        document = msgpack.unpackb(data[offset + _HEAD : end], raw=False, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        return f"the payload is no document: {error}"
    return Frame(offset, end, crc, document)


def frames(data, lengths=None):
    """The frames of a segment, as :class:`Frame`; what is none as `(offset, end, what)`.

    `lengths`: how many parts a document may have, as an array. A frame that is not whole at the
    end is the last item, with what says so.
    """
    data = memoryview(data)
    whole = bytes(data)
    offset = 0
    while offset < len(data):
        found = _frame(data, offset)
        if isinstance(found, Frame):
            yield found
            offset = found.end
            continue
        what = "the last frame is not whole" if found is None else found
        behind = whole.find(MAGIC, offset + 1)
        while behind >= 0:
            good = _frame(data, behind)
            if isinstance(good, Frame) and (
                lengths is None
                or isinstance(good.document, list) and len(good.document) in lengths
            ):
                break
            behind = whole.find(MAGIC, behind + 1)
        behind = len(data) if behind < 0 else behind
        yield offset, behind, what
        offset = behind


@dataclass(frozen=True)
class Record:
    """A record of an agent's log."""

    instance: str
    kind: int
    epoch: int
    position: int
    revision: int
    published: int
    body: object
    received: int = 0
    is_new: bool = True


class Journal:
    """One segment of a journal: its opening, its records, its rows of the ledger.

    Records are as the third rule of the format has them: each once, in order of arrival. `rows()`
    puts those together that have one declaration.
    """

    def __init__(self, path, data=None):
        self.path = str(path)
        self.id = None
        self.archive = None
        self.created = None
        self.ledger = []
        self.records = []
        self.damage = []
        # The last position of each (instance, epoch): those that the opening states, and now.
        self.opened_with = None
        self.positions = {}
        if data is None:
            with open(path, "rb") as file:
                data = file.read()
        for item in frames(data, lengths=(2, 5, 7)):
            if isinstance(item, Frame):
                try:
                    self._take(item)
                except (KeyError, IndexError, TypeError, ValueError) as error:
                    what = f"an entry is none: {error}"
                    self.damage.append(Damage(self.path, item.offset, what, "the entry"))
            else:
                offset, end, what = item
                cost = f"the entries in {end - offset} bytes"
                self.damage.append(Damage(self.path, offset, what, cost))

    def _take(self, frame):
        kind = frame.document[0]
        if kind == 1:
            _, self.archive, self.id, self.created, cursors = frame.document[:5]
            for instance, epoch, position, *_ in cursors:
                key = instance, epoch
                self.positions[key] = max(position, self.positions.get(key, 0))
            if self.opened_with is None:
                self.opened_with = dict(self.positions)
        elif kind == 2:
            self._take_batch(frame)
        elif kind == 3:
            self.ledger.append(frame.document[1])

    def _take_batch(self, frame):
        _, instance, epoch, first, count, received, inside = frame.document[:7]
        for index, item in enumerate(frames(inside)):
            if not isinstance(item, Frame):
                what = f"a record of {instance} is damaged: {item[2]}"
                self.damage.append(Damage(self.path, frame.offset, what, "the record"))
                continue
            position = first + index
            # What earlier segments declared is told again, and is no record of this one.
            is_new = count > 0 and position > self.positions.get((instance, epoch), 0)
            kind, its_epoch, its_position, revision, published, body = item.document[:6]
            self.records.append(
                Record(
                    instance, kind, its_epoch, its_position, revision, published, body, received,
                    is_new,
                )
            )
        if count > 0:
            key = instance, epoch
            self.positions[key] = max(first + count - 1, self.positions.get(key, 0))

    def rows(self, until=None):
        """The rows by `(instance, feed)`: for each, pairs of declaration and :class:`Rows`.

        Rows stand in order of arrival. `until`: the opening of the next segment, beyond which
        nothing was committed.
        """
        declared = {}
        found = {}
        for record in self.records:
            key = record.instance, record.epoch, record.revision
            if record.kind == DECLARATION:
                declared[key] = Feed.parse(record.body)
            if record.kind != DATA or not record.is_new:
                continue
            if until is not None and record.position > until.get(key[:2], 0):
                continue
            if key not in declared:
                self.damage.append(
                    Damage(
                        self.path, 0, f"no declaration {record.revision} of {record.instance}",
                        f"record {record.position}",
                    )
                )
                continue
            feed = declared[key]
            parts = found.setdefault((record.instance, feed.name), [])
            for block in record.body:
                rows = _block(feed, block, self.path)
                if parts and parts[-1][0] == feed:
                    parts[-1][1].append(rows)
                else:
                    parts.append((feed, [rows]))
        return {
            name: [(feed, Rows.joined(feed.fields, pieces)) for feed, pieces in parts]
            for name, parts in found.items()
        }


def _block(feed, block, path):
    """The rows of one block of a record."""
    if len(block) != 1 + len(feed.fields):
        raise FormatError(path, 0, f"a block of {len(block)} parts for {feed.name}")
    times = np.frombuffer(block[0], "<i8")
    columns = {}
    for field, part in zip(feed.fields, block[1:]):
        columns[field.name] = _column(field.type, part, len(times), path)
    return Rows(times, columns)


def _column(kind, part, rows, path):
    present = None
    if isinstance(part, list) and len(part) == 2:
        flags = np.unpackbits(np.frombuffer(part[0], np.uint8), bitorder="little")
        present, part = flags[:rows].astype(bool), part[1]
    if kind == "string":
        values = np.empty(len(part[0]), object)
        values[:] = part[0]
    else:
        kinds = {"double": "<f8", "int": "<i8", "bool": "u1"}
        values = np.frombuffer(part, kinds[kind])
        values = values != 0 if kind == "bool" else values
    if len(values) != rows or present is not None and len(present) != rows:
        raise FormatError(path, 0, f"a column of {len(values)} values for {rows} rows")
    return Column(values, present)
