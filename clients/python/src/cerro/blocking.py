"""Carries flows out by blocking, from any number of threads."""

import threading
import time

import zmq

from . import limits, wire
from .flows import (
    Ask,
    Connect,
    Emit,
    Leave,
    NotReady,
    Receive,
    Subscribe,
    guarded,
    lost,
    timed_out,
    unreachable,
    unreadable,
)
from .sockets import Subscription, dealer, message_of


class BlockingDriver:
    """Sockets for flows, for the thread that runs each.

    A connection serves one thread at a time; who finds none that is idle makes one, so a long wait
    in one thread never holds up an abort in another.
    """

    def __init__(self, keys=None):
        self._keys = keys
        self._lock = threading.Lock()
        self._idle = {}

    def run(self, flow):
        """The result of a flow."""
        steps = self._steps(flow)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    def iterate(self, flow):
        """The items that a flow emits."""
        return self._steps(flow)

    def _steps(self, flow):
        opened, flow = [], guarded(flow)
        try:
            effect = next(flow)
            while True:
                try:
                    if isinstance(effect, Emit):
                        yield effect.item
                        outcome = None
                    else:
                        outcome = self._perform(effect, opened)
                except GeneratorExit:
                    raise
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(outcome)
        except StopIteration as end:
            return end.value
        finally:
            flow.close()
            for subscription in opened:
                subscription.close()

    def close(self):
        """Closes the connections that nobody uses; a client that asks again opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for sockets in idle.values():
            for socket in sockets:
                socket.close()

    def __del__(self):
        if hasattr(self, "_idle"):
            self.close()

    def _perform(self, effect, opened):
        if isinstance(effect, Ask):
            return self._exchange(effect)
        if isinstance(effect, Receive):
            return self._receive(effect)
        if isinstance(effect, Subscribe):
            opened.append(Subscription(zmq.Context.instance(), effect.topics, self._keys))
            return opened[-1]
        if isinstance(effect, Leave):
            return self._leave(effect)
        if isinstance(effect, Connect):
            return effect.subscription.connect(effect.endpoints)
        raise TypeError(f"a flow wants {effect!r}")

    def _leave(self, effect):
        with self._lock:
            idle = self._idle.pop((effect.endpoint, effect.key), [])
        for socket in idle:
            socket.close()

    @staticmethod
    def _receive(effect):
        socket = effect.subscription.socket
        if not socket.poll(max(0, int(effect.timeout * 1000))):
            return None
        return message_of(socket.recv_multipart())

    def _exchange(self, ask):
        place = ask.endpoint, ask.key
        with self._lock:
            idle = self._idle.get(place)
            socket = idle.pop() if idle else None
        if socket is None:
            socket = dealer(zmq.Context.instance(), ask.endpoint, ask.key, self._keys)
        try:
            reply = self._ask(socket, ask)
        except NotReady:
            self._give_back(place, socket)
            raise
        except BaseException:
            # Whatever still comes on it is for nobody.
            socket.close()
            raise
        self._give_back(place, socket)
        return reply

    def _give_back(self, place, socket):
        with self._lock:
            idle = self._idle.setdefault(place, [])
            if len(idle) < limits.IDLE_CONNECTIONS:
                idle.append(socket)
                return
        socket.close()

    @staticmethod
    def _ask(socket, ask):
        deadline = time.monotonic() + ask.timeout
        while True:
            try:
                socket.send(ask.data, zmq.NOBLOCK)
                break
            except zmq.Again:
                if ask.at_once:
                    raise NotReady(ask.what) from None
                # Again and again: a connection may end between the look and the sending.
                left = deadline - time.monotonic()
                if left <= 0 or not socket.poll(int(left * 1000) + 1, zmq.POLLOUT):
                    raise unreachable(ask) from None
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise timed_out(ask)
            if not socket.poll(int(min(left, limits.CONNECTION_LOOK) * 1000) + 1):
                # A reply comes on the connection of its request, or never.
                if not socket.poll(0, zmq.POLLOUT):
                    raise lost(ask)
                continue
            data = socket.recv()
            try:
                reply = wire.decode_reply(data)
            except wire.WireError as error:
                if wire.id_of(data) == ask.id:
                    raise unreadable(ask, error) from None
                continue
            if reply.id == ask.id:
                return reply
