"""Records of a log and their frames, as bytes and back; the same in files and on the wire."""

import struct
from dataclasses import dataclass

import msgpack
import numpy as np

from .checksum import crc32c
from .model import Column, Rows

MAGIC = b"\xa7\xc3\x52\x4f"
MOST_PAYLOAD_BYTES = 8 << 20
HEAD_BYTES = 12
#: Kinds of records.
DATA, DECLARATION, LOSS, END = 1, 2, 3, 4


@dataclass(frozen=True)
class Frame:
    """One frame: where it begins and ends, its checksum and its document."""

    offset: int
    end: int
    crc: int
    document: object


def _frame(data, offset, decode=True):
    """The frame at `offset`; a text if there is none, None if it reaches beyond the bytes."""
    if len(data) - offset < HEAD_BYTES:
        return None
    magic, length, crc = struct.unpack_from("<4sII", data, offset)
    if magic != MAGIC:
        return "no magic"
    if not 1 <= length <= MOST_PAYLOAD_BYTES:
        return f"a length of {length} bytes"
    end = offset + HEAD_BYTES + length
    if end > len(data):
        return None
    found = crc32c(data[offset + HEAD_BYTES : end], crc32c(data[offset + 4 : offset + 8]))
    if found != crc:
        return f"checksum {found:08x}, expected {crc:08x}"
    if not decode:
        return Frame(offset, end, crc, data[offset + HEAD_BYTES : end])
    try:
        document = msgpack.unpackb(data[offset + HEAD_BYTES : end], raw=False, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        return f"the payload is no document: {error}"
    return Frame(offset, end, crc, document)


def frames(data, lengths=None, decode=True):
    """The frames of a segment, as :class:`Frame`; what is none as `(offset, end, what)`.

    `lengths`: how many parts a document may have, as an array. Without `decode` documents are the
    bytes of the payload. A frame that is not whole at the
    end is the last item, with what says so.
    """
    data = memoryview(data)
    whole = bytes(data)
    offset = 0
    while offset < len(data):
        found = _frame(data, offset, decode)
        if isinstance(found, Frame):
            yield found
            offset = found.end
            continue
        what = "the last frame is not whole" if found is None else found
        behind = whole.find(MAGIC, offset + 1)
        while behind >= 0:
            good = _frame(data, behind, decode)
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
        if not all(isinstance(text, str) for text in part[0]):
            raise ValueError("a column of texts has something else")
        values = np.empty(len(part[0]), object)
        values[:] = part[0]
    else:
        kinds = {"double": "<f8", "int": "<i8", "bool": "u1"}
        values = np.frombuffer(part, kinds[kind])
        values = values != 0 if kind == "bool" else values
    if len(values) != rows or present is not None and len(present) != rows:
        raise ValueError(f"a column of {len(values)} values for {rows} rows")
    return Column(values, present)


def frame_of(payload):
    """The frame of a payload."""
    length = struct.pack("<I", len(payload))
    return b"".join([MAGIC, length, struct.pack("<I", crc32c(payload, crc32c(length))), payload])


_INTS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
         0xD3: ">q"}
_INTS = {mark: struct.Struct(form) for mark, form in _INTS.items()}


def peek(data, offset):
    """Kind, epoch, position, revision and instant of the record at `offset`; None if it is none."""
    found = []
    try:
        if data[offset] != 0x96:
            return None
        offset += 1
        for _ in range(5):
            mark = data[offset]
            if mark < 0x80:
                found.append(mark)
                offset += 1
            else:
                form = _INTS[mark]
                found.append(form.unpack_from(data, offset + 1)[0])
                offset += 1 + form.size
    except (IndexError, KeyError, struct.error):
        return None
    return tuple(found)


def record_payload(kind, epoch, position, revision, published, body):
    """The payload of a record; `body` is MessagePack already."""
    pack = msgpack.packb
    return b"".join([
        b"\x96", pack(kind), pack(epoch), pack(position), pack(revision), pack(published), body,
    ])


def block_body(feed, times, columns):
    """The body of a data record with one block, as MessagePack: ValueError if it does not fit.

    `times` are N int64 nanoseconds; `columns` N values for each field of `feed`, in its order. A
    None among them, a masked value of numpy, is a missing one; NaN is a value.
    """
    times = np.asarray(times, "<i8")
    if times.ndim != 1 or not len(times):
        raise ValueError("a block has one row or more")
    if len(columns) != len(feed.fields):
        raise ValueError(f"{len(columns)} columns for the {len(feed.fields)} fields of {feed.name}")
    parts = [times.tobytes()]
    for field, values in zip(feed.fields, columns):
        parts.append(_encoded(feed, field, values, len(times)))
    return msgpack.packb([parts], use_bin_type=True)


def _encoded(feed, field, values, rows):
    name = f"{feed.name}.{field.name}"
    values, present = _presence(values)
    if np.ndim(values) != 1 or len(values) != rows:
        raise ValueError(f"{name} has {np.shape(values)} values for {rows} rows")
    if field.type == "string":
        texts = ["" if value is None else value for value in values]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{name} is a text; expected only texts")
        column = [texts]
    else:
        column = _numbers(name, field.type, values).tobytes()
    if present is None:
        return column
    return [np.packbits(present, bitorder="little").tobytes(), column]


def _presence(values):
    """Values without those that are missing, and a map of them, None where all are there."""
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        return values.filled(), ~mask if mask.any() else None
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values, None
    values = list(values)
    present = [value is not None for value in values]
    if all(present):
        return values, None
    there = [value for value in values if value is not None]
    instead = type(there[0])() if there else 0
    return [instead if value is None else value for value in values], np.array(present)


def _numbers(name, kind, values):
    values = np.asarray(values)
    is_bool = values.dtype.kind == "b"
    if kind == "bool" and not is_bool and not set(values.tolist()) <= {0, 1}:
        raise ValueError(f"{name} is a truth value; expected True or False")
    if kind == "int" and (values.dtype.kind not in "iu" or is_bool):
        is_whole = values.dtype.kind == "f" and np.all(values == np.floor(values))
        if not is_whole or np.any(np.abs(values) >= 2.0**63):
            raise ValueError(f"{name} is an integer; found {values.dtype}")
    if kind == "int" and values.dtype.kind == "u" and len(values) and values.max() > 2**63 - 1:
        raise ValueError(f"{name} has a value of 2^63 or more")
    if kind == "double" and values.dtype.kind not in "fiu":
        raise ValueError(f"{name} is a number; found {values.dtype}")
    return values.astype({"double": "<f8", "int": "<i8", "bool": "u1"}[kind])
