"""Where an agent listens: the ports of last time if they are free."""

import os
import time

import zmq

from .. import sockets
from ..errors import CerroError

#: Seconds in which a port that was just ours has to be free again.
_REBIND_PATIENCE = 5.0


def bind(context, settings, protect):
    """The ROUTER for requests and the XPUB for what is seen live."""
    path = os.path.join(settings.spool, "ports")
    try:
        with open(path, encoding="ascii") as file:
            before = [int(word) for word in file.read(100).split()]
    except (OSError, ValueError):
        before = []
    before = before if len(before) == 2 else [None, None]
    router = _bind(sockets.router, context, settings, before[0], protect)
    publisher = _bind(sockets.publisher, context, settings, before[1], protect)
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(" ".join(str(_port(item)) for item in (router, publisher)))
    except OSError:
        # The next time others look the new ones up.
        pass
    return router, publisher


def _bind(make, context, settings, before, protect):
    low, high = settings.ports
    candidates = list(range(low, high + 1)) if high else [0]
    if before is not None and (not high or low <= before <= high):
        candidates.insert(0, before)
    for port in candidates:
        try:
            return make(context, f"tcp://{_bracketed(settings.bind)}:{port}", protect)
        except zmq.ZMQError as error:
            last = error
    raise CerroError(
        f"{settings.instance} finds no free port of {low}-{high} at {settings.bind}: {last}"
    )


def bind_again(context, make, endpoint, protect):
    """A socket where one was just closed, whose connections end with it.

    The library lets go of a port a moment later; what is in between is a moment of this thread.
    """
    deadline = time.monotonic() + _REBIND_PATIENCE
    while True:
        try:
            return make(context, endpoint, protect)
        except zmq.ZMQError as error:
            if time.monotonic() > deadline:
                raise CerroError(f"{endpoint} cannot be listened at again: {error}") from None
            time.sleep(0.005)


def _port(socket):
    return int(endpoint(socket).rsplit(":", 1)[1])


def _bracketed(address):
    return f"[{address}]" if ":" in address else address


def endpoint(socket):
    """Where a socket listens."""
    return socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()


def endpoints(settings, router, publisher):
    """The endpoints as others reach them."""
    host = _bracketed(settings.address)
    return tuple(f"tcp://{host}:{_port(item)}" for item in (router, publisher))
