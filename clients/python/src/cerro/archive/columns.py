"""Columns: plain, in planes, and packed."""

import numpy as np

from ..model import NUMBERS, Column, empty
from .integers import Truncated, unpack


def _need(data, count, what):
    if len(data) < count:
        raise Truncated(f"{what} cut off: {len(data)} bytes of {count}")


def _texts(data, count):
    """`count` texts by their offsets, and how many bytes they take."""
    _need(data, 4 * (count + 1), "the offsets of the texts are")
    offsets = np.frombuffer(data, "<u4", count + 1).astype(np.int64)
    if offsets[0] != 0 or (np.diff(offsets) < 0).any():
        raise Truncated("the offsets of the texts do not grow")
    start = 4 * (count + 1)
    _need(data, start + int(offsets[-1]), "the texts are")
    places = offsets.tolist()
    texts = np.empty(count, object)
    for index in range(count):
        texts[index] = str(data[start + places[index] : start + places[index + 1]], "utf-8")
    return texts, start + places[-1]


def _presence(data, rows):
    """The presence map behind the byte that says whether there is one, and what follows it."""
    _need(data, 1, "the column is")
    if data[0] == 0:
        return None, data[1:]
    if data[0] != 1:
        raise Truncated(f"byte {data[0]} where 0 or 1 says whether values are missing")
    length = (rows + 7) // 8
    _need(data, 1 + length, "the presence map is")
    flags = np.unpackbits(np.frombuffer(data, np.uint8, length, 1), bitorder="little")
    return flags[:rows].astype(bool), data[1 + length :]


def _exactly(data, count):
    if len(data) != count:
        raise Truncated(f"{len(data)} bytes of values, expected {count}")


def plain(data, kind, rows):
    """A plain column of `rows` values."""
    present, data = _presence(data, rows)
    if kind == "string":
        values, used = _texts(data, rows)
        _exactly(data, used)
    else:
        kinds = np.dtype(np.uint8) if kind == "bool" else NUMBERS[kind]
        _exactly(data, rows * kinds.itemsize)
        values = np.frombuffer(data, kinds)
        values = values != 0 if kind == "bool" else values.copy()
    return Column(values, present)


def planes(data, kind, rows):
    """A plain column of integers whose differences stand byte by byte."""
    if kind != "int":
        raise Truncated("planes of what are no integers")
    present, data = _presence(data, rows)
    _exactly(data, 8 * rows)
    words = np.frombuffer(data, np.uint8).reshape(8, rows).T
    words = np.ascontiguousarray(words).view("<u8").reshape(-1)
    differences = (words >> np.uint64(1)) ^ (~(words & np.uint64(1)) + np.uint64(1))
    return Column(np.cumsum(differences, dtype=np.uint64).view(np.int64), present)


def packed(data, kind, rows):
    """A packed column of `rows` values."""
    _need(data, 1, "the column is")
    form = data[0]
    allowed = {"int": (0,), "bool": (0,), "double": (1, 2, 3), "string": (4,)}[kind]
    if form not in allowed:
        raise Truncated(f"form {form} is none of {kind}")
    present, data = _presence(data[1:], rows)
    count = rows if present is None else int(present.sum())
    if form == 4:
        there = _dictionary(data, count)
    elif form == 0:
        there, used = unpack(data, count)
        _exactly(data, used)
        if kind == "bool":
            there = there != 0
    else:
        there = _doubles(data, form, count)
    if present is None:
        return Column(there)
    values = empty(kind, rows)
    values[present] = there
    return Column(values, present)


def _dictionary(data, count):
    _need(data, 4, "the texts are")
    number = int.from_bytes(data[:4], "little")
    if number > count:
        raise Truncated(f"{number} different texts for {count} values")
    texts, used = _texts(data[4:], number)
    data = data[4 + used :]
    places, used = unpack(data, count)
    _exactly(data, used)
    if count and (places.min() < 0 or places.max() >= number):
        raise Truncated(f"a text beyond the {number} that are there")
    return texts[places]


def _doubles(data, form, count):
    exponent = 0
    if form != 3:
        _need(data, 1, "the exponent is")
        exponent, data = data[0], data[1:]
    _need(data, 4, "the exceptions are")
    number = int.from_bytes(data[:4], "little")
    if number > count:
        raise Truncated(f"{number} exceptions among {count} values")
    _need(data, 4 + 12 * number, "the exceptions are")
    places = np.frombuffer(data, "<u4", number, 4)
    exceptions = np.frombuffer(data, "<u8", number, 4 + 4 * number)
    if number and places.max() >= count:
        raise Truncated(f"an exception beyond the {count} values")
    data = data[4 + 12 * number :]
    integers, used = unpack(data, count)
    _exactly(data, used)
    if form == 3:
        words = integers.view(np.uint64)
        bits = np.where(integers < 0, words ^ np.uint64((1 << 63) - 1), words)
    else:
        if exponent > (15 if form == 1 else 100):
            raise Truncated(f"exponent {exponent}")
        divisor = float((10 if form == 1 else 2) ** exponent)
        bits = (integers.astype(np.float64) / divisor).view(np.uint64)
    bits[places] = exceptions
    return bits.view(np.float64)
