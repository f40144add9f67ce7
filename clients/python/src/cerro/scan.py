"""Looks through MessagePack before anything is made of it: how many items, how deep, all there.

An item of one byte can become an object of a hundred; so a long message is counted first.
"""


class ScanError(ValueError):
    """More items or levels than are possible, or bytes that are not there."""


def _kinds():
    """What each first byte says: a kind, and a number of bytes or items."""
    kinds = [("fixed", 0)] * 256
    for byte in range(0x80, 0x90):
        kinds[byte] = ("items", 2 * (byte & 15))
    for byte in range(0x90, 0xA0):
        kinds[byte] = ("items", byte & 15)
    for byte in range(0xA0, 0xC0):
        kinds[byte] = ("fixed", byte & 31)
    kinds[0xC1] = ("none", 0)
    for byte, width in ((0xC4, 1), (0xC5, 2), (0xC6, 4), (0xD9, 1), (0xDA, 2), (0xDB, 4)):
        kinds[byte] = ("bytes", width)
    for byte, width in ((0xC7, 1), (0xC8, 2), (0xC9, 4)):
        kinds[byte] = ("none", width)
    for byte, size in (
        (0xCA, 4), (0xCB, 8), (0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8), (0xD0, 1), (0xD1, 2),
        (0xD2, 4), (0xD3, 8),
    ):
        kinds[byte] = ("fixed", size)
    for byte in range(0xD4, 0xD9):
        kinds[byte] = ("none", 0)
    for byte, width in ((0xDC, 2), (0xDD, 4)):
        kinds[byte] = ("array", width)
    for byte, width in ((0xDE, 2), (0xDF, 4)):
        kinds[byte] = ("map", width)
    return kinds


_KINDS = _kinds()


def scan(data, most_items, most_levels):
    """Raises :class:`ScanError` unless `data` is one value within the limits."""
    place, items, open_items = 0, 0, [1]
    while open_items:
        if not open_items[-1]:
            open_items.pop()
            continue
        if place >= len(data):
            raise ScanError(f"it ends after {len(data)} bytes, with {open_items[-1]} items missing")
        open_items[-1] -= 1
        items += 1
        if items > most_items:
            raise ScanError(f"more than {most_items} items")
        kind, number = _KINDS[data[place]]
        place += 1
        if kind == "fixed":
            place += number
        elif kind == "bytes":
            place += number + int.from_bytes(data[place : place + number], "big")
        elif kind == "none":
            raise ScanError(f"byte {place - 1} begins no value that is possible here")
        else:
            if kind != "items":
                count = int.from_bytes(data[place : place + number], "big")
                place, number = place + number, 2 * count if kind == "map" else count
            if len(open_items) > most_levels:
                raise ScanError(f"more than {most_levels} levels")
            open_items.append(number)
    if place != len(data):
        raise ScanError(f"one value takes {place} of {len(data)} bytes")
