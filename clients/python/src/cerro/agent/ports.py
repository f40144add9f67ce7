"""Where an agent listens: the ports of last time if they are free."""

import os

import zmq

from .. import sockets
from ..errors import CerroError


def bind(context, settings):
    """The ROUTER for requests and the XPUB for what is seen live."""
    path = os.path.join(settings.spool, "ports")
    try:
        with open(path, encoding="ascii") as file:
            before = [int(word) for word in file.read(100).split()]
    except (OSError, ValueError):
        before = []
    before = before if len(before) == 2 else [None, None]
    router = _bind(sockets.router, context, settings, before[0])
    publisher = _bind(sockets.publisher, context, settings, before[1])
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(" ".join(str(_port(item)) for item in (router, publisher)))
    except OSError:
        # The next time others look the new ones up.
        pass
    return router, publisher


def _bind(make, context, settings, before):
    low, high = settings.ports
    candidates = list(range(low, high + 1)) if high else [0]
    if before is not None and (not high or low <= before <= high):
        candidates.insert(0, before)
    for port in candidates:
        try:
            return make(context, f"tcp://{settings.address}:{port}")
        except zmq.ZMQError as error:
            last = error
    raise CerroError(
        f"{settings.instance} finds no free port of {low}-{high} at {settings.address}: {last}"
    )


def _port(socket):
    return int(socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").rsplit(b":", 1)[1])


def endpoints(settings, router, publisher):
    """The endpoints as others reach them."""
    return tuple(f"tcp://{settings.address}:{_port(item)}" for item in (router, publisher))
