"""What an agent is and does: sessions, faults, audit, log; no socket.

Bodies of operations run in threads of their own. What they change is under one lock.
"""

import logging
import threading
import time
from typing import NamedTuple

import numpy as np

from .. import limits
from ..records import block_body
from ..spool import AgentLog, LogError
from .audit import AuditBook, ControlDesk
from .book import Fault, FaultBook, Refusal, SessionBook
from .feeds import AUDIT, BUILT_IN, FAULTS, SESSIONS
from .handle import Session, Stopped, offset_of
from .parameters import checked


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
    site: str = ""


class AgentState:
    """The sessions, faults, audit and log of one agent."""

    def __init__(self, settings, operations, feeds):
        self.settings = settings
        self.logger = logging.getLogger(f"cerro.agent.{settings.instance}")
        self.now = time.time_ns
        self.lock = threading.RLock()
        self.feeds = {feed.name: feed for feed in [*feeds, *BUILT_IN]}
        self.book = SessionBook(operations)
        self.faults, self.audit, self.control = FaultBook(), AuditBook(), ControlDesk()
        self.counts = {name: [0, None, None] for name in self.feeds}
        self.bodies = {}
        self.is_ending = False
        self._offsets, self._outside = {}, set()
        self.log = AgentLog(
            settings.spool, settings.instance, self.feeds.values(), settings.spool_bytes,
            self.written,
        )

    def written(self, feed, payload):
        """A record is in the log; called by whoever appended it, and must not block."""

    def ended(self, session):
        """A session is done; called by the thread of its body."""

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

    def watch_spool(self):
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
        self.ended(session)

    def stop_bodies(self):
        """Has all sessions end, as the agent does."""
        with self.lock:
            self.is_ending = True
            for session in self.book.active:
                if session.status != "stopping":
                    session.status = "stopping"
                    self.note(session)
                if session.id in self.bodies:
                    self.bodies[session.id]._end()
