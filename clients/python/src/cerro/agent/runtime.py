"""The life of an agent: sockets, lease, requests; one thread owns the sockets.

What has to go out on a socket waits in a queue for the thread that owns it, which is woken.
"""

import os
import socket
import time
from collections import deque

import zmq

from .. import __version__, limits, sockets, wire
from ..errors import CerroError, LeaseHeld
from ..sockets import dealer
from . import ports
from .book import Fault
from .lease import Lease
from .ledger import RequestLedger
from .requests import Requests
from .state import AgentState


class Runtime(AgentState):
    """Runs one agent until it is told to end."""

    def __init__(self, settings, operations, feeds, gate):
        self._begun = time.monotonic()
        #: Who gets in, and what each may do.
        self.gate = gate
        self._queue, self._records = deque(), deque()
        self._subscribed, self._dropped = set(), 0
        # Each is changed by one side only: who appends to the log, and who publishes.
        self._put_bytes, self._taken_bytes = 0, 0
        self._told, self._told_at = 0, None
        self._is_waking = False
        self._context, self._poller, self._mark = None, None, limits.PUBLISH_MARK
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._deadline = None
        self._has_begun = False
        self.requests = Requests(self)
        super().__init__(settings, operations, feeds)
        self.ledger = RequestLedger(settings.instance, lambda: self.log.epoch)

    # The thread that owns the sockets.

    def on_reactor(self, act, *arguments):
        """Has something done by the thread that owns the sockets."""
        self._queue.append((act, arguments))
        self._ring()

    def _ring(self):
        if not self._is_waking:
            self._is_waking = True
            try:
                self._bell.send(b"\0")
            except (BlockingIOError, OSError):
                pass

    def written(self, feed, payload):
        topic = f"{self.settings.instance}/{feed}/".encode()
        if any(topic.startswith(prefix) for prefix in tuple(self._subscribed)):
            waiting = self._put_bytes - self._taken_bytes
            if len(self._records) < limits.UNPUBLISHED and waiting < limits.PUBLISH_BYTES:
                self._put_bytes += len(payload)
                self._records.append((topic, payload))
            else:
                self._dropped += 1
            self._ring()
        elif self.requests.is_awaited:
            self._ring()

    def ended(self, session):
        self.on_reactor(self.requests.session_ended, session)

    def stop(self):
        """Has :meth:`run` end in order; for any thread and for signal handlers."""
        self.on_reactor(self._begin_end)

    def run(self):
        """Serves until :meth:`stop`; CerroError if it cannot begin or another is this instance."""
        self._context = context = zmq.Context()
        try:
            self._serve(context)
        finally:
            context.destroy(linger=200)
            self._ear.close()
            self._bell.close()
            try:
                self.log.close()
            except CerroError as error:
                self.logger.error("%s", error)

    def _serve(self, context):
        settings = self.settings
        self.gate.listen(context)
        self.router, self.publisher = ports.bind(context, settings, self.gate.protect)
        self.own = ports.endpoints(settings, self.router, self.publisher)
        self._registry = self._dealer(context)
        reopened = time.monotonic()
        self.lease = Lease(time.monotonic())
        self._question = None
        looked = time.monotonic()
        while True:
            now = time.monotonic()
            if self.lease.away is not None and now - reopened >= limits.REGISTRY_RETRY:
                # The library does not come back where a handshake was refused.
                reopened = now
                self._registry.close()
                self._registry = self._dealer(context)
                self._poller = None
            self._keep_lease(now)
            if self.is_ending and (not self.bodies or now > self._deadline):
                break
            due = min(self.lease.due(), self.requests.due(), self._deadline or now + 60)
            ready = dict(self._polled().poll(max(0, min(1000, int((due - now) * 1000) + 1))))
            if self.gate.socket in ready:
                self.gate.answer()
            if self._ear.fileno() in ready:
                self._hear()
            if self.router in ready:
                self._receive()
            if self._registry in ready:
                self._take_answer()
            if self.publisher in ready:
                self._take_subscriptions()
            self._publish()
            self.requests.answer_due(time.monotonic())
            if now - looked >= limits.ACCESS_PERIOD:
                looked = now
                self.watch_spool()
                self._tell_drops(now)
                if self.gate.refresh():
                    self._expel()
        self.requests.answer_all()
        self._leave()

    def _dealer(self, context):
        keys = self.gate.keys
        return dealer(context, self.settings.registry, keys and keys.registry, keys)

    def _polled(self):
        """The poller of the sockets that there are now."""
        if self._poller is not None:
            return self._poller
        self._poller = poller = zmq.Poller()
        readers = [
            self.router, self.publisher, self._registry, self._ear.fileno(), self.gate.socket,
        ]
        for reader in readers:
            if reader is not None:
                poller.register(reader, zmq.POLLIN)
        return poller

    def _expel(self):
        """Ends all connections, as the table has changed; who still belongs here comes back."""
        self.logger.info("access.yaml has changed and holds")
        self._rebind("router", sockets.router)
        self._rebind("publisher", self._publisher_again)

    def _publisher_again(self, context, endpoint, protect):
        return sockets.publisher(context, endpoint, protect, self._mark)

    def _rebind(self, name, make):
        """Makes a socket anew at its endpoint, without the connections that it had."""
        socket = getattr(self, name)
        place = ports.endpoint(socket)
        socket.close(linger=100)
        setattr(self, name, ports.bind_again(self._context, make, place, self.gate.protect))
        if name == "publisher":
            self._subscribed = set()
        self._poller = None

    def _hear(self):
        self._is_waking = False
        try:
            self._ear.recv(4096)
        except BlockingIOError:
            pass
        while self._queue:
            act, arguments = self._queue.popleft()
            act(*arguments)

    def _receive(self):
        for _ in range(100):
            try:
                parts = self.router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if len(parts) == 2:
                self.requests.take(parts[0].bytes, parts[1].bytes, _facts(parts[1]))
            else:
                self.requests.count_malformed(f"{len(parts)} frames")

    def _take_subscriptions(self):
        while True:
            try:
                data = self.publisher.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if data[:1] == b"\x01":
                full = len(self._subscribed) >= limits.MOST_SUBSCRIPTIONS
                self._subscribed.add(b"" if full else data[1:])
            elif data[:1] == b"\x00":
                self._subscribed.discard(data[1:])

    def _publish(self):
        while self._records:
            topic, payload = self._records.popleft()
            self._taken_bytes += len(payload)
            if len(payload) * self._mark > limits.PUBLISH_BYTES:
                self._mark = max(1, limits.PUBLISH_BYTES // (2 * len(payload)))
                self._rebind("publisher", self._publisher_again)
            try:
                self.publisher.send_multipart([topic, payload], zmq.NOBLOCK)
            except zmq.Again:
                self._dropped += 1

    def _tell_drops(self, now):
        is_due = self._told_at is None or now - self._told_at >= limits.DROP_REPORT
        if self._dropped > self._told and is_due:
            self._told, self._told_at = self._dropped, now
            self.logger.warning(
                "%d records were not published live, as too many waited; the log has them",
                self._dropped,
            )

    # The lease.

    def _keep_lease(self, now):
        lease = self.lease
        if now >= lease.due() and not self.is_ending:
            if self._question is not None:
                self._question = None
                lease.unanswered("no answer within a second", now)
            action = lease.action(now)
            if not self._ask(action, self._heartbeat() if action == "heartbeat"
                             else self._registration()):
                lease.unanswered("no connection", now)
        if lease.is_alone(now):
            self.raise_fault(Fault(
                "registry.away", "warning", self.now(),
                f"no lease from the registry at {self.settings.registry}: {lease.away}. Others "
                "cannot find this agent; it works on", "",
            ))
        elif lease.is_held:
            self.clear_fault("registry.away")
        if not self._has_begun and lease.may_begin(now) and not self.is_ending:
            self._has_begun = True
            self._autostart()

    def _ask(self, action, arguments):
        request = wire.Request(wire.new_id(), action, "registry", 0, None, arguments)
        try:
            self._registry.send(wire.encode_request(request), zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._question = request.id
        return True

    def _take_answer(self):
        try:
            data = self._registry.recv(zmq.NOBLOCK)
        except zmq.Again:
            return
        if self._question is None or wire.id_of(data) != self._question:
            return
        self._question = None
        try:
            reply = wire.decode_reply(data)
        except wire.WireError as error:
            return self.lease.unanswered(f"its answer is none: {error}", time.monotonic())
        if reply.code != "ok" and not reply.code.startswith("lease."):
            reason = f"it answers {reply.code}: {reply.text}"
            return self.lease.unanswered(reason, time.monotonic())
        if self.lease.answered(reply.code, time.monotonic()):
            holder = reply.result if isinstance(reply.result, dict) else {}
            self.stop_bodies()
            raise LeaseHeld(
                f"{self.settings.instance} is held by process {holder.get('pid')} on host "
                f"{holder.get('host')}: stop that one first, or give this one an id of its own",
                "lease.held",
            )

    def _heartbeat(self):
        with self.lock:
            return {
                "instance": self.settings.instance, "epoch": self.log.epoch, "clock": self.now(),
                "published": self.log.newest, "operations": self.book.summary,
                "faults": self.faults.open, "control": self.control.value,
                "refused": self.requests.refused + self.gate.strangers,
            }

    def _registration(self):
        beat, settings = self._heartbeat(), self.settings
        row = {
            "instance": settings.instance, "class": settings.class_name, "state": "alive",
            "host": settings.host, "pid": os.getpid(), "epoch": beat["epoch"],
            "version": __version__, "site_hash": "", "requests": self.own[0],
            "publisher": self.own[1], "since": 0, "seen": 0, "clock_offset_ns": 0,
            "operations": beat["operations"], "faults": beat["faults"],
            "published": beat["published"], "control": beat["control"],
            "refused": beat["refused"],
        }
        return {
            "row": row, "shows_lease": self.lease.shows_lease, "clock": beat["clock"],
            "predecessors": self.log.predecessors, "site": settings.site,
            "uptime_ns": int((time.monotonic() - self._begun) * 1e9),
        }

    def _autostart(self):
        for name, parameters in self.settings.start:
            try:
                self.start(name, parameters)
            except Exception as error:  # A refusal, or parameters that are not possible.
                self.raise_fault(Fault(
                    "operation.failed", "error", self.now(),
                    f"`{name}` did not start with the agent: {error}", name,
                ))

    # The end.

    def _begin_end(self):
        if not self.is_ending:
            self.is_ending = True
            self._deadline = time.monotonic() + limits.SHUTDOWN_PATIENCE
            self.stop_bodies()

    def _leave(self):
        """Says good-bye, so that nobody waits for the lease to end."""
        for session in self.book.active:
            self.logger.warning("%s did not stop in time", session.operation)
        with self.lock:
            now = time.monotonic()
            self.note_audit(self.audit.abandon("the agent ended before it", now))
            self.note_audit(filter(None, [self.audit.summary(now, is_last=True)]))
        arguments = {"instance": self.settings.instance, "epoch": self.log.epoch}
        if self._ask("leave", arguments):
            self._registry.poll(int(limits.HEARTBEAT_PERIOD * 1000))


def _facts(frame):
    """The key that the sender has proved, None without keys, and its address."""
    found = []
    for name in ("User-Id", "Peer-Address"):
        try:
            found.append(frame.get(name) or None)
        except zmq.ZMQError:
            found.append(None)
    return tuple(found)
