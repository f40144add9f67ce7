"""The life of an agent: sockets, lease, sessions, faults, log; one thread owns the sockets.

Bodies of operations run in threads of their own. What they change is under one lock; what has to
go out on a socket waits in a queue for the thread that owns it, which is woken.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from typing import NamedTuple

import numpy as np
import zmq

from .. import __version__, limits, sockets, wire
from ..errors import CerroError, LeaseHeld
from ..model import Feed, Field
from ..records import block_body
from ..sockets import dealer
from ..spool import AgentLog, LogError
from . import ports
from .audit import AuditBook, ControlDesk
from .book import Fault, FaultBook, Refusal, SessionBook
from .handle import Session, Stopped, offset_of
from .lease import Lease
from .ledger import RequestLedger
from .parameters import checked
from .requests import Requests

SESSIONS = Feed("sessions", (
    Field("session", "int", description="number of the session within the epoch"),
    Field("operation", "string"),
    Field("status", "string", description="starting, running, degraded, stopping, done"),
    Field("success", "bool", description="missing until the session is done"),
    Field("reason", "string", description="why it is degraded or failed"),
), "changes of sessions")
FAULTS = Feed("faults", (
    Field("id", "string", description="what kind of fault"),
    Field("subject", "string", description="what it is about"),
    Field("severity", "string", description="warning, error, critical"),
    Field("open", "bool", description="true when raised, false when cleared"),
    Field("text", "string", description="what is wrong and what to do"),
), "faults raised and cleared")
AUDIT = Feed("audit", (
    Field("request", "string", description="id of the request; a command has two entries"),
    Field("outcome", "string",
          description="started, then done or failed; or refused, expired, repeated"),
    Field("who", "string", description="who asked, and what stands behind the name"),
    Field("name", "string", description="the name alone"),
    Field("proof", "string", description="local, key:…, token:…"),
    Field("address", "string", description="where the request came from"),
    Field("action", "string"),
    Field("operation", "string"),
    Field("parameters", "string", description="as JSON, secrets blanked"),
    Field("reason", "string", description="why it was refused or failed"),
    Field("duration", "double", "s", "missing but at the end of a command"),
), "commands and refusals")
BUILT_IN = (SESSIONS, FAULTS, AUDIT)


class Settings(NamedTuple):
    """Who an agent is, and where it lives."""

    instance: str
    class_name: str
    registry: str
    spool: str
    spool_bytes: int
    address: str
    bind: str
    ports: tuple
    start: tuple
    host: str


class Runtime:
    """Runs one agent until it is told to end."""

    def __init__(self, settings, operations, feeds, gate):
        self.settings = settings
        #: Who gets in, and what each may do.
        self.gate = gate
        self.logger = logging.getLogger(f"cerro.agent.{settings.instance}")
        self.now = time.time_ns
        self.lock = threading.RLock()
        self.feeds = {feed.name: feed for feed in [*feeds, *BUILT_IN]}
        self.book = SessionBook(operations)
        self.faults, self.audit, self.control = FaultBook(), AuditBook(), ControlDesk()
        self.counts = {name: [0, None, None] for name in self.feeds}
        self.bodies = {}
        self._offsets, self._outside = {}, set()
        self._queue, self._records = deque(), deque()
        self._subscribed, self._dropped = set(), 0
        self._is_waking = False
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self.is_ending = False
        self._deadline = None
        self._has_begun = False
        self.log = AgentLog(
            settings.spool, settings.instance, self.feeds.values(), settings.spool_bytes,
            self._written,
        )
        self.ledger = RequestLedger(settings.instance, lambda: self.log.epoch)
        self.requests = Requests(self)

    # What bodies use.

    def feed(self, feed):
        """A declared feed, by itself or by its name."""
        name = getattr(feed, "name", feed)
        if name not in self.feeds or self.feeds[name] in BUILT_IN:
            there = ", ".join(other for other in self.feeds if self.feeds[other] not in BUILT_IN)
            raise ValueError(f"there is no feed {name} to publish; there are {there or 'none'}")
        return self.feeds[name]

    def publish(self, feed, times, columns, body):
        """Appends a block, counts it, and watches its clock and its limits."""
        begin = self.now()
        try:
            self.log.append(feed, body)
        except LogError as error:
            self.raise_fault(Fault("spool.unwritable", "critical", self.now(), str(error), ""))
            raise
        with self.lock:
            self.clear_fault("spool.unwritable")
            self._count(feed.name, int(times[-1]))
            self._watch_clock(feed, offset_of(feed, times, begin))
            self._watch_limits(feed, columns)

    def _count(self, name, last):
        counts = self.counts[name]
        counts[0] += 1
        counts[1:] = last, self.now()

    def _watch_clock(self, feed, offset):
        before = self._offsets.get(feed.name)
        if offset is None:
            if before is not None:
                del self._offsets[feed.name]
                self.clear_fault("clock", feed.name)
            return
        if before is not None and abs(offset - before) <= limits.CLOCK_TOLERANCE:
            return
        self._offsets[feed.name] = offset
        side = "ahead of" if offset > 0 else "behind"
        self.raise_fault(Fault(
            "clock", "warning", self.now(),
            f"the samples of feed {feed.name} are dated {abs(int(offset))} s {side} this host's "
            "clock; they are kept and marked. Set the clock of the instrument, or that of the host "
            "(`chronyc tracking`, `timedatectl`)", feed.name,
        ))

    def _watch_limits(self, feed, columns):
        for field, values in zip(feed.fields, columns):
            value = values[-1]
            if field.limits is None or value is None or value is np.ma.masked:
                continue
            subject, (low, high) = f"{feed.name}.{field.name}", field.limits
            is_outside = not low <= value <= high
            if is_outside == (subject in self._outside):
                continue
            unit = f" {field.unit}" if field.unit else ""
            if is_outside:
                self._outside.add(subject)
                self.raise_fault(Fault(
                    "field.limits", "warning", self.now(),
                    f"{subject} is {value}{unit}, outside of {low:g} to {high:g}{unit}", subject,
                ))
            else:
                self._outside.discard(subject)
                self.clear_fault("field.limits", subject)

    def _watch_spool(self):
        fraction, dropped = self.log.fraction, self.log.dropped
        if fraction < 0.5:
            self.log.dropped = 0
            self.clear_fault("spool.filling")
            self.clear_fault("spool.full")
            return
        self.raise_fault(Fault(
            "spool.filling", "critical" if fraction >= 0.9 else "warning", self.now(),
            f"the spool is {fraction:.0%} full, and drops its oldest records when it is full: is "
            "the aggregator recording, and is there an archive that is gone (`cerro why`, `cerro "
            "archive forget`)?", "",
        ))
        if dropped:
            self.raise_fault(Fault(
                "spool.full", "critical", self.now(),
                f"the spool is full: {dropped} records are dropped. Start the aggregator, give the "
                "spool more, or end an archive that is gone with `cerro archive forget`", "",
            ))

    def change(self, session, change, *arguments):
        """Changes a session and records that it did."""
        with self.lock:
            if change(session, *arguments):
                self.note(session)

    def note(self, session):
        """A session has changed: into the feed `sessions`."""
        self._record(SESSIONS, [
            session.id, session.operation, session.status, session.success, session.reason,
        ])

    def raise_fault(self, fault):
        """Holds a fault and records it if it is new."""
        with self.lock:
            if self.faults.raise_(fault) is not None:
                self.logger.warning("fault %s: %s", fault.id, fault.text)
                self._record(FAULTS, [fault.id, fault.subject, fault.severity, True, fault.text])

    def clear_fault(self, id, subject=""):
        """Lets go of a fault and records that."""
        with self.lock:
            fault = self.faults.clear(id, subject)
            if fault is not None:
                self._record(FAULTS, [id, subject, fault.severity, False, fault.text])

    def note_audit(self, entries):
        """Puts entries into the audit."""
        for entry in entries:
            self._record(AUDIT, entry)

    def begin_audit(self, entry):
        """Writes that a command begins; Refusal if the disk refuses that."""
        try:
            self.log.append(AUDIT, block_body(AUDIT, [self.now()], [[value] for value in entry]))
        except LogError as error:
            raise Refusal(
                "operation.failed", f"nothing was done, since the audit cannot be written: {error}"
            ) from None
        self._count(AUDIT.name, self.now())

    def _record(self, feed, values):
        now = self.now()
        try:
            self.log.append(feed, block_body(feed, [now], [[value] for value in values]))
            self._count(feed.name, now)
        except LogError as error:
            self.logger.error("a change of %s is not in the log: %s", feed.name, error)

    # Operations.

    def start(self, name, given, entry=None):
        """Starts an operation: parameters first, then the session, then its thread.

        `entry` is what the audit says before anything is done; None if nobody asked for it.
        """
        operation = self.book.operation(name)
        arguments = checked(operation.parameters, given)
        with self.lock:
            self.book.may_begin(name)
            if entry is not None:
                self.begin_audit(entry)
            session = self.book.begin(name, self.now())
            if entry is not None:
                self.audit.begin(entry, session.id, time.monotonic())
            self.clear_fault("operation.failed", name)
            self.note(session)
            handle = Session(self, session)
            self.bodies[session.id] = handle
        thread = threading.Thread(
            target=self._carry_out, args=(operation, session, handle, arguments), daemon=True,
            name=f"cerro-{name}",
        )
        thread.start()
        return session

    def end(self, name, kind, entry):
        """Stops a process or aborts a task, whatever the disk says to the audit."""
        with self.lock:
            session = self.book.end(name, kind)
            self.note_audit([entry])
            self.audit.begin(entry, session.id, time.monotonic())
            self.note(session)
        self.bodies[session.id]._end()
        return session

    def _carry_out(self, operation, session, handle, arguments):
        self.change(session, SessionBook.mark_running)
        failure = None
        try:
            operation.body(handle, **arguments)
        except Stopped:
            pass
        except Exception as error:  # Whatever a body raises is why it failed.
            failure = f"{type(error).__name__}: {error}"
            self.logger.warning("%s failed", operation.name, exc_info=True)
        with self.lock:
            SessionBook.finish(session, failure, self.now())
            self.note(session)
            self.note_audit(self.audit.end(session.id, failure, time.monotonic()))
            started = [entry[0] for entry in self.settings.start]
            if failure is not None and not self.is_ending and operation.name in started:
                self.raise_fault(Fault(
                    "operation.failed", "error", self.now(),
                    f"`{operation.name}` ended by itself: {failure}. Start it again",
                    operation.name,
                ))
            self.bodies.pop(session.id, None)
        self.on_reactor(self.requests.session_ended, session)

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

    def _written(self, feed, payload):
        """A record is in the log; called by whoever appended it."""
        topic = f"{self.settings.instance}/{feed}/".encode()
        if any(topic.startswith(prefix) for prefix in tuple(self._subscribed)):
            if len(self._records) < limits.UNPUBLISHED:
                self._records.append((topic, payload))
            else:
                self._dropped += 1
            self._ring()
        elif self.requests.is_awaited:
            self._ring()

    def stop(self):
        """Has :meth:`run` end in order; for any thread and for signal handlers."""
        self.on_reactor(self._begin_end)

    def run(self):
        """Serves until :meth:`stop`; CerroError if it cannot begin or another is this instance."""
        context = zmq.Context()
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
        keys = self.gate.keys
        registry = dealer(context, settings.registry, keys and keys.registry, keys)
        self.lease = Lease(time.monotonic())
        self._question = None
        poller = self._poller(registry)
        looked = time.monotonic()
        while True:
            now = time.monotonic()
            self._keep_lease(registry, now)
            if self.is_ending and (not self.bodies or now > self._deadline):
                break
            due = min(self.lease.due(), self.requests.due(), self._deadline or now + 60)
            ready = dict(poller.poll(max(0, min(1000, int((due - now) * 1000) + 1))))
            if self.gate.socket in ready:
                self.gate.answer()
            if self._ear.fileno() in ready:
                self._hear()
            if self.router in ready:
                self._receive()
            if registry in ready:
                self._take_answer(registry)
            if self.publisher in ready:
                self._take_subscriptions()
            self._publish()
            self.requests.answer_due(time.monotonic())
            if now - looked >= limits.ACCESS_PERIOD:
                looked = now
                self._watch_spool()
                if self.gate.refresh():
                    self._expel(context)
                    poller = self._poller(registry)
        self.requests.answer_all()
        self._leave(registry)

    def _poller(self, registry):
        poller = zmq.Poller()
        readers = [self.router, self.publisher, registry, self._ear.fileno(), self.gate.socket]
        for reader in readers:
            if reader is not None:
                poller.register(reader, zmq.POLLIN)
        return poller

    def _expel(self, context):
        """Ends all connections, as the table has changed; who still belongs here comes back."""
        self.logger.info("access.yaml has changed and holds")
        for name, make in (("router", sockets.router), ("publisher", sockets.publisher)):
            socket = getattr(self, name)
            place = ports.endpoint(socket)
            socket.close(linger=100)
            setattr(self, name, ports.bind_again(context, make, place, self.gate.protect))
        self._subscribed = set()

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
                self._subscribed.add(data[1:])
            elif data[:1] == b"\x00":
                self._subscribed.discard(data[1:])

    def _publish(self):
        while self._records:
            try:
                self.publisher.send_multipart(self._records.popleft(), zmq.NOBLOCK)
            except zmq.Again:
                self._dropped += 1

    # The lease.

    def _keep_lease(self, registry, now):
        lease = self.lease
        if now >= lease.due() and not self.is_ending:
            if self._question is not None:
                self._question = None
                lease.unanswered("no answer within a second", now)
            action = lease.action(now)
            if not self._ask(registry, action, self._heartbeat() if action == "heartbeat"
                             else self._registration()):
                lease.unanswered("no connection", now)
        if lease.is_alone(now):
            self.raise_fault(Fault(
                "registry.away", "warning", self.now(),
                f"no registry answers at {self.settings.registry}: {lease.away}. Others cannot "
                "find this agent; it works on", "",
            ))
        elif lease.is_held:
            self.clear_fault("registry.away")
        if not self._has_begun and lease.may_begin(now) and not self.is_ending:
            self._has_begun = True
            self._autostart()

    def _ask(self, registry, action, arguments):
        request = wire.Request(wire.new_id(), action, "registry", 0, None, arguments)
        try:
            registry.send(wire.encode_request(request), zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._question = request.id
        return True

    def _take_answer(self, registry):
        try:
            reply = wire.decode_reply(registry.recv(zmq.NOBLOCK))
        except (zmq.Again, wire.WireError):
            return
        if reply.id != self._question:
            return
        self._question = None
        if self.lease.answered(reply.code, time.monotonic()):
            holder = reply.result if isinstance(reply.result, dict) else {}
            self._stop_bodies()
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
        }
        return {
            "row": row, "shows_lease": self.lease.shows_lease, "clock": beat["clock"],
            "predecessors": self.log.predecessors,
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
            self._stop_bodies()

    def _stop_bodies(self):
        with self.lock:
            self.is_ending = True
            for session in self.book.active:
                if session.status != "stopping":
                    session.status = "stopping"
                    self.note(session)
                if session.id in self.bodies:
                    self.bodies[session.id]._end()

    def _leave(self, registry):
        """Says good-bye, so that nobody waits for the lease to end."""
        for session in self.book.active:
            self.logger.warning("%s did not stop in time", session.operation)
        with self.lock:
            now = time.monotonic()
            self.note_audit(self.audit.abandon("the agent ended before it", now))
            self.note_audit(filter(None, [self.audit.summary(now, is_last=True)]))
        arguments = {"instance": self.settings.instance, "epoch": self.log.epoch}
        if self._ask(registry, "leave", arguments):
            registry.poll(int(limits.HEARTBEAT_PERIOD * 1000))


def _facts(frame):
    """The key that the sender has proved, None without keys, and its address."""
    found = []
    for name in ("User-Id", "Peer-Address"):
        try:
            found.append(frame.get(name) or None)
        except zmq.ZMQError:
            found.append(None)
    return tuple(found)
