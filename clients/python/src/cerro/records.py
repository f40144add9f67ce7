"""Records of a log and their frames, as bytes and back; the same in files and on the wire."""

import struct
from dataclasses import dataclass

import msgpack
import numpy as np

from .checksum import crc32c
from .model import Column, Rows

MAGIC = b"\xa7\xc3\x52\x4f"
MOST_PAYLOAD_BYTES = 8 << 20
_HEAD = 12
#: Kinds of records.
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


def block_rows(feed, block):
    """The rows of one block of a record."""
    if len(block) != 1 + len(feed.fields):
        raise ValueError(f"a block of {len(block)} parts for {feed.name}")
    times = np.frombuffer(block[0], "<i8")
    columns = {}
    for field, part in zip(feed.fields, block[1:]):
        columns[field.name] = _column(field.type, part, len(times))
    return Rows(times, columns)


def _column(kind, part, rows):
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
        raise ValueError(f"a column of {len(values)} values for {rows} rows")
    return Column(values, present)
