"""Servers that do not behave, and a recorder of the answers of those that do."""

import random
import socket
import sys
import threading
from pathlib import Path

import zmq

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro import blocking, wire  # noqa: E402

#: What may stand where something else is expected.
JUNK = [
    None, True, -1, 0, 1, 2**63, -(2**63), 1.5, float("nan"), float("inf"), "", "x", "tcp://",
    "tcp://nowhere", "ipc:///tmp/x", "alive", b"", b"\0" * 7, b"\xff" * 64, [], [[]], [None], {},
    {"a": 1}, {1: 2}, [1, "x", b"y"], "done", "string", "double",
]


class Recorder(blocking.BlockingDriver):
    """A driver that keeps the first answer to each action."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def _exchange(self, ask):
        reply = super()._exchange(ask)
        self.found.setdefault(wire.decode_request(ask.data).action, reply)
        return reply


class Server:
    """Answers at an endpoint of its own with what `answer(request)` says: bytes, several, none."""

    def __init__(self, answer):
        self._answer = answer
        #: How many requests came that are none.
        self.malformed = 0
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._ear, self._bell = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._ear.fileno(), zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._ear.fileno() in ready:
                return
            peer, data = self._socket.recv_multipart()
            try:
                request = wire.decode_request(data)
            except wire.WireError:
                self.malformed += 1
                continue
            for answer in self._answer(request):
                self._socket.send_multipart([peer, answer])

    def close(self):
        """Ends it."""
        self._bell.send(b"\0")
        self._thread.join()
        self._context.destroy(linger=0)
        self._ear.close()
        self._bell.close()


class Publisher:
    """Publishes its messages to whoever subscribes."""

    def __init__(self, messages):
        self._messages = messages
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._socket.sndhwm = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        # The first thing that comes is a subscription; `close` ends the context meanwhile.
        try:
            self._socket.recv()
            for parts in self._messages:
                self._socket.send_multipart(parts)
            while True:
                self._socket.recv()
        except zmq.ContextTerminated:
            self._socket.close()

    def close(self):
        """Ends it."""
        self._context.term()
        self._thread.join()


class Listener:
    """Takes connections, says `greeting` to each, and nothing more."""

    def __init__(self, greeting):
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            try:
                connection.sendall(self._greeting)
            except OSError:
                pass

    def close(self):
        """Ends it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


def places_of(value, path=()):
    """The paths to all parts of a value, itself first."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places_of(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from places_of(item, (*path, place))


def changed(value, path, act):
    """A copy of a value in which `act` has changed the part at a path."""
    if not path:
        return act(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], act)
    return copy


def mutated(value, seed):
    """A list with one part that is missing, doubled, shorter or something else."""
    dice = random.Random(seed)
    path = dice.choice(list(places_of(value))[1:])

    def act(part):
        kind = dice.randrange(4)
        if kind == 0 and isinstance(part, (bytes, str, list)) and part:
            return part[: dice.randrange(len(part))]
        if kind == 1 and isinstance(part, (bytes, str, list)):
            return part + part
        if kind == 2 and isinstance(part, dict) and part:
            gone = dice.choice(list(part))
            return {key: item for key, item in part.items() if key != gone}
        return dice.choice(JUNK)

    return changed(value, path, act)
