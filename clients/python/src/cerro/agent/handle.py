"""A session as the body of an operation sees it; stopping and aborting are asking it to end."""

import math
import threading
import time

import numpy as np

from .. import limits
from ..records import block_body
from .book import Fault, SessionBook


class Stopped(Exception):
    """Raised by :meth:`Session.check` once the session is asked to end; it is no failure."""


class Session:
    """One run of an operation: publish with it, tell progress by it, and heed its end.

    It may be used from any thread.
    """

    def __init__(self, runtime, session):
        self._runtime = runtime
        self._session = session
        self._ending = threading.Event()

    @property
    def id(self):
        """The number of the session in this life of the agent."""
        return self._session.id

    @property
    def is_stopping(self):
        """Whether somebody stopped or aborted it, or the agent ends."""
        return self._ending.is_set()

    def check(self):
        """Raises :class:`Stopped` once the session is asked to end."""
        if self._ending.is_set():
            raise Stopped

    def wait(self, seconds):
        """Waits so long, or until the session is asked to end; True if it is."""
        return self._ending.wait(seconds)

    def ticks(self, every):
        """Instants (ns since 1970) at whole multiples of `every` seconds, until it is to end.

        The first comes at once. A tick that was missed since the body took too long is left out.
        """
        due = time.monotonic()
        while not self._ending.is_set():
            yield self._runtime.now()
            due += every
            late = time.monotonic() - due
            if late > 0:
                due += math.ceil(late / every) * every
            if self._ending.wait(max(0.0, due - time.monotonic())):
                return

    def publish(self, feed, values, at=None):
        """Publishes one row; returns once the agent's log has it: then it reaches the archive.

        :param feed: a feed of the agent, or its name.
        :param values: a value for each field, in order or by name; None where one is missing.
        :param at: the instant, ns since 1970; now unless told.
        :raises ValueError: the values do not fit what is declared.
        :raises cerro.spool.LogError: the disk refuses; the row is not kept.
        """
        feed = self._runtime.feed(feed)
        if isinstance(values, dict):
            names = [field.name for field in feed.fields]
            stray = sorted(set(values) - set(names))
            if stray:
                there = ", ".join(names)
                raise ValueError(f"{feed.name} has no field {stray[0]}; there are {there}")
            values = [values.get(name) for name in names]
        at = self._runtime.now() if at is None else int(at)
        self.publish_block(feed, [at], [[value] for value in values])

    def publish_block(self, feed, times, columns):
        """Publishes rows that were measured together, as one record.

        :param times: N instants, ns since 1970.
        :param columns: N values for each field, in order or by name: numpy arrays or lists; None,
            or a masked value, where one is missing.
        """
        feed = self._runtime.feed(feed)
        if isinstance(columns, dict):
            columns = [columns[field.name] for field in feed.fields]
        times = np.asarray(times, np.int64)
        self._runtime.publish(feed, times, columns, block_body(feed, times, columns))

    def degraded(self, reason):
        """The operation runs without doing its job; say why."""
        self._runtime.change(self._session, SessionBook.set_degraded, str(reason))

    def healthy(self):
        """The operation does its job again."""
        self._runtime.change(self._session, SessionBook.set_degraded, None)

    def log(self, text):
        """Adds a line to the session's messages."""
        with self._runtime.lock:
            SessionBook.add_message(self._session, text, self._runtime.now())

    def set_data(self, key, value):
        """Sets an entry of the session's data, for progress and results."""
        with self._runtime.lock:
            SessionBook.set_data(self._session, key, value)

    def raise_fault(self, id, text, severity="error", subject=""):
        """Holds a fault until it is cleared; all see it with the agent's next heartbeat."""
        self._runtime.raise_fault(Fault(id, severity, self._runtime.now(), text, subject))

    def clear_fault(self, id, subject=""):
        """Clears a fault; one that is not held is no error."""
        self._runtime.clear_fault(id, subject)

    def _end(self):
        self._ending.set()


def offset_of(feed, times, now):
    """Seconds by which a block is ahead of the clock, or behind it; None where it is right."""
    offset = (max(int(times[0]), int(times[-1])) - now) / 1e9
    low = -limits.CLOCK_TOLERANCE - feed.lateness_ns / 1e9
    return None if low <= offset <= limits.CLOCK_TOLERANCE else offset
