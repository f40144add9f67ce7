"""Sockets with the options that every end of Cerro's wire has."""

import errno

import zmq

from . import limits
from .errors import Malformed


def _common(socket, is_ipv6):
    socket.linger = 0
    socket.setsockopt(zmq.HANDSHAKE_IVL, limits.HANDSHAKE_MS)
    # Of a machine that is gone the kernel tells. The library's own heartbeats stay off: libzmq ends
    # the process over one that is due on a connection which ended while nothing was read of it.
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    third = max(1, limits.SILENCE_MS // 3000)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, third)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, third)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 2)
    socket.setsockopt(zmq.TCP_MAXRT, limits.SILENCE_MS)
    socket.setsockopt(zmq.IPV6, int(is_ipv6))
    return socket


def dealer(context, endpoint, key, keys):
    """A DEALER that sends on an established connection only."""
    socket = _common(context.socket(zmq.DEALER), "[" in str(endpoint))
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
    socket.setsockopt(zmq.MAXMSGSIZE, limits.LONGEST_MESSAGE)
    socket.sndhwm, socket.rcvhwm = limits.REQUEST_MARK, limits.REPLY_MARK
    try:
        _connect(socket, endpoint, key, keys)
    except BaseException:
        socket.close()
        raise
    return socket


def _connect(socket, endpoint, key, keys):
    """Connects; Malformed where somebody told an endpoint or a key that is none."""
    try:
        if not endpoint.startswith("tcp://"):
            raise ValueError("it does not begin with tcp://")
        if keys is not None:
            keys.apply(socket, key)
        socket.connect(endpoint)
    except (AttributeError, TypeError, ValueError) as error:
        raise Malformed(f"`{endpoint}` is no endpoint, or its key is none: {error}") from None
    except zmq.ZMQError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Malformed(f"`{endpoint}` is no endpoint: {error}") from None


def subscriber(context, topics):
    """A SUB of what begins with one of `topics`, not connected yet."""
    socket = _common(context.socket(zmq.SUB), True)
    socket.setsockopt(zmq.MAXMSGSIZE, limits.LONGEST_MESSAGE)
    socket.rcvhwm = limits.LIVE_MARK
    for topic in topics:
        socket.subscribe(topic)
    return socket


def router(context, endpoint, protect):
    """A ROUTER that listens at `endpoint`, once `protect` has given it its keys."""
    socket = _common(context.socket(zmq.ROUTER), "[" in endpoint)
    socket.setsockopt(zmq.MAXMSGSIZE, limits.LONGEST_REQUEST)
    socket.set_hwm(limits.REQUEST_MARK)
    return _bound(socket, endpoint, protect)


def publisher(context, endpoint, protect, mark=limits.PUBLISH_MARK):
    """An XPUB that listens at `endpoint`, so that it is told who listens to what."""
    socket = _common(context.socket(zmq.XPUB), "[" in endpoint)
    socket.setsockopt(zmq.MAXMSGSIZE, limits.LONGEST_REQUEST)
    socket.set_hwm(mark)
    return _bound(socket, endpoint, protect)


def _bound(socket, endpoint, protect):
    try:
        protect(socket)
        socket.bind(endpoint)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket


class Subscription:
    """A SUB socket and where it listens; for one thread or loop."""

    def __init__(self, context, topics, keys):
        self._keys = keys
        self._places = {}
        self.socket = subscriber(context, topics)

    def connect(self, endpoints):
        """Listens at exactly these, a map of endpoint to public key."""
        for endpoint in set(self._places) - set(endpoints):
            del self._places[endpoint]
            self.socket.disconnect(endpoint)
        for endpoint, key in endpoints.items():
            if endpoint not in self._places:
                _connect(self.socket, endpoint, key, self._keys)
                self._places[endpoint] = key

    def close(self):
        """Listens no more."""
        self.socket.close()


def message_of(parts):
    """The topic and the payload of a published message, None if it is none."""
    return (parts[0].decode(errors="replace"), parts[1]) if len(parts) == 2 else None
