"""Cerro in Python: command agents, follow what they do, read the archive, be an agent.

    from cerro import CerroClient
    client = CerroClient("cryo-1")
    client.acquire.start()
    status, message, session = client.acquire.wait(timeout=10)

The files of an archive are read by :mod:`cerro.archive`, the asyncio twin is :mod:`cerro.aio`.
Everything here is loaded as it is used.
"""

import importlib

_HOMES = {
    "client": ["CerroClient", "OCSClient"],
    "agent": ["Agent", "Feed", "Field", "Parameter", "Stopped"],
    "observatory": ["Site", "get_data", "get_fields", "live"],
    "replies": ["OK", "ERROR", "TIMEOUT", "OpCode", "Reply"],
    "errors": [
        "CerroError", "Unreachable", "UnknownInstance", "NotRunning", "TimedOut", "ConnectionLost",
        "Refused", "Stale", "Busy", "Idle", "NotAbortable", "InvalidParameter", "UnknownOperation",
        "OperationFailed", "WaitTimeout", "QueryFailed", "QueryLimit", "ControlHeld", "LeaseHeld",
        "Malformed", "SiteError", "KeyMissing",
    ],
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("aio", "archive", "data", "spool")

__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name):
    if name in _HOME:
        found = getattr(importlib.import_module("." + _HOME[name], __name__), name)
        globals()[name] = found
        return found
    if name in _MODULES:
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOME, *_MODULES])
