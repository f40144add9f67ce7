"""Requests and replies as bytes, from the page ``Wire.md``; no socket, no clock."""

import os
from typing import NamedTuple, Optional

import msgpack

from . import limits
from .scan import scan

VERSION = 1
_ID_BYTES = 16
# An array's head, an integer, and the id with its head, each at its longest.
_HEAD_BYTES = 5 + 9 + 2 + _ID_BYTES

#: Actions that may be answered again, late, or by a restarted process without harm.
EFFECT_FREE = frozenset(
    ["wait", "status", "describe", "fetch", "log", "register", "heartbeat", "leave", "table"]
)


class WireError(ValueError):
    """Bytes that are no message; `version` is set where that is one that is not spoken here."""

    def __init__(self, text, version=None):
        super().__init__(text)
        self.version = version


class Request(NamedTuple):
    """What is asked of an instance; `expiry` in ns on the target's clock, None if it has none."""

    id: bytes
    action: str
    target: str
    epoch: int
    expiry: Optional[int]
    arguments: object
    #: For whom it is asked, `[name, token, address]`; None: for whoever sends it.
    asker: Optional[list] = None


class Reply(NamedTuple):
    """What became of a request; `clock` in ns on the clock of `epoch`'s holder."""

    id: bytes
    code: str
    text: str
    result: object
    clock: int
    epoch: int


def new_id():
    """The id of a new request: 16 random bytes."""
    return os.urandom(_ID_BYTES)


def ordered(value):
    """The value with the members of every map in the order of their keys."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [ordered(item) for item in value]
    return value


def packed(value):
    """A value as MessagePack."""
    return msgpack.packb(ordered(value), use_bin_type=True)


def unpacked(data, most_bytes=limits.LONGEST_MESSAGE, most_items=limits.MOST_ITEMS):
    """The value of some MessagePack; WireError if it is none, or more than is allowed.

    msgpack takes no length on trust: it allocates for what is there. What is there is counted
    before, where it may be too much.
    """
    if len(data) > most_bytes:
        raise WireError(f"{len(data)} bytes, {most_bytes} are possible")
    try:
        if len(data) > most_items:
            scan(data, most_items, limits.MOST_LEVELS)
        return msgpack.unpackb(data, raw=False, strict_map_key=False)
    except Exception as error:  # It raises its own classes, ValueError and others by its version.
        raise WireError(f"no MessagePack: {error}") from None


def id_of(data):
    """The id in bytes that begin as a request or reply of any version does, whatever follows; else
    None. So who cannot read a message can still say so to the one who waits for an answer.
    """
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(data[:_HEAD_BYTES])
    try:
        unpacker.read_array_header()
        version, id = unpacker.unpack(), unpacker.unpack()
    except Exception:  # It raises its own classes, ValueError and others by its version.
        return None
    return id if is_int(version) and isinstance(id, bytes) and len(id) == _ID_BYTES else None


def encode_request(request):
    """The bytes of a request."""
    parts = request if request.asker is not None else request[:-1]
    data = packed([VERSION, *parts])
    if len(data) > limits.LONGEST_REQUEST:
        raise WireError(f"a request of {len(data)} bytes, {limits.LONGEST_REQUEST} are possible")
    return data


def encode_reply(reply):
    """The bytes of a reply; its text is cut where it is too long."""
    text = reply.text.encode()[: limits.LONGEST_TEXT].decode(errors="ignore")
    return packed([VERSION, *reply._replace(text=text)])


def _parts(data, form, most_bytes, most_items):
    """The parts of a message behind its version; those that only a later release knows are left
    out. `form` is the tuple that is made of them; parts of it with a default may be missing.
    """
    parts = unpacked(data, most_bytes, most_items)
    if not isinstance(parts, list) or len(parts) < 2:
        raise WireError("no message")
    version, id = parts[:2]
    if not is_int(version) or not isinstance(id, bytes) or len(id) != _ID_BYTES:
        raise WireError("no version or no id")
    if version != VERSION:
        raise WireError(
            f"wire version {version} is not spoken here, version {VERSION} is: install the same "
            "release of Cerro at both ends", version
        )
    least = 1 + len(form._fields) - len(form._field_defaults)
    if len(parts) < least:
        raise WireError(f"{len(parts)} parts, expected {least}")
    return parts[1 : 1 + len(form._fields)]


def is_name(value):
    """Whether it is a text that may name an action, a target or a code."""
    return isinstance(value, str) and 1 <= len(value.encode()) <= limits.LONGEST_NAME


def is_int(value):
    """Whether it is an integer that fits 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def decode_request(data):
    """The request in some bytes; WireError if there is none."""
    request = Request(*_parts(data, Request, limits.LONGEST_REQUEST, limits.REQUEST_ITEMS))
    if not (is_name(request.action) and is_name(request.target) and is_int(request.epoch)):
        raise WireError("action, target or epoch is none")
    if request.expiry is not None and not is_int(request.expiry):
        raise WireError("the expiry is none")
    asker = request.asker
    if asker is not None and not (isinstance(asker, list) and asker and is_name(asker[0])):
        raise WireError("the asker is none")
    return request


def decode_reply(data):
    """The reply in some bytes; WireError if there is none."""
    reply = Reply(*_parts(data, Reply, limits.LONGEST_MESSAGE, limits.MOST_ITEMS))
    if not (is_name(reply.code) and isinstance(reply.text, str)):
        raise WireError("code or text is none")
    if not (is_int(reply.clock) and is_int(reply.epoch)):
        raise WireError("clock or epoch is none")
    return reply
