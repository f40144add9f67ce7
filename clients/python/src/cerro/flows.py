"""What a client does, without sockets: flows that the blocking and the asyncio driver carry out.

A flow is a generator. It yields what it wants done, an :class:`Ask`, :class:`Leave`,
:class:`Subscribe`, :class:`Connect`, :class:`Receive` or :class:`Emit`, is sent the outcome or
thrown an error, and returns its result. So there is one logic for both worlds.
"""

import time
from typing import NamedTuple, Optional

from . import limits, wire
from .errors import (
    CerroError,
    ConnectionLost,
    Malformed,
    NotRunning,
    TimedOut,
    UnknownInstance,
    Unreachable,
    error_of,
)


#: What code raises that meets a value of another kind than it expects.
MISMATCHES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def guarded(flow):
    """The same flow; where it stumbles over what somebody answered, the error says so.

    All that a flow meets was sent by somebody, so nothing of it needs to be as it should.
    """
    try:
        return (yield from flow)
    except MISMATCHES as error:
        raise Malformed(f"an answer is not what it should be: {error!r}") from error


class NotReady(CerroError):
    """A request that was to go out at once met no established connection; nothing was asked."""


class Ask(NamedTuple):
    """Send a request and return its reply; `key` is the public key of who listens, or None.

    With `at_once` it goes out on a connection that stands already, else :class:`NotReady`.
    """

    endpoint: str
    key: Optional[str]
    id: bytes
    data: bytes
    what: str
    timeout: float
    at_once: bool


class Subscribe(NamedTuple):
    """Make a subscription to what begins with one of `topics`, and return it."""

    topics: tuple


class Connect(NamedTuple):
    """Have a subscription listen at exactly these endpoints, a map of endpoint to public key."""

    subscription: object
    endpoints: dict


class Receive(NamedTuple):
    """Return the next `(topic, payload)`, or None after `timeout` seconds."""

    subscription: object
    timeout: float


class Leave(NamedTuple):
    """Close connections to an endpoint where somebody was before."""

    endpoint: str
    key: Optional[str]


class Emit(NamedTuple):
    """Hand an item to whoever iterates."""

    item: object


class Flows:
    """The flows of one client: the registry's table, requests, replies, and the clocks in them."""

    def __init__(
        self, registry, registry_key=None, timeout=limits.PATIENCE, asker=None, now=time.time_ns,
        site="",
    ):
        self.registry = registry
        #: Its name; a registry of another one refuses us. Empty: whichever it is.
        self._site = site
        #: What we call ourselves, which is believed where there are no keys.
        self._asker = None if asker is None else [asker, None, None]
        self.registry_key = registry_key
        self.timeout = timeout
        self.rows = {}
        self._now = now
        # By endpoint: how far the clock there is ahead, in ns, as replies and the table tell.
        self._ahead = {}

    # What is asked.

    def _ask(self, endpoint, key, action, target, epoch, arguments, timeout, at_once=False):
        ahead = self._ahead.get(endpoint)
        expiry = None if ahead is None else self._now() + ahead + int(timeout * 1e9)
        if not wire.is_int(expiry):
            # No clock is that far off: by such a one nothing is late.
            expiry = None
        request = wire.Request(
            wire.new_id(), action, target, epoch, expiry, arguments, self._asker
        )
        try:
            data = wire.encode_request(request)
        except (TypeError, ValueError, OverflowError) as error:
            raise CerroError(f"`{action}` cannot be asked of {target}: {error}") from None
        what = f"{target} at {endpoint}"
        ask = Ask(endpoint, key, request.id, data, what, timeout, at_once)
        reply = yield ask
        self._ahead[endpoint] = reply.clock - self._now()
        return reply

    def table(self, timeout=None):
        """The registry's table: rows by instance."""
        reply = yield from self._ask(
            self.registry, self.registry_key, "table", "registry", 0, {"site": self._site},
            timeout or self.timeout,
        )
        if reply.code != "ok":
            raise error_of(reply.code, reply.text)
        rows = reply.result.get("rows") if isinstance(reply.result, dict) else None
        if not isinstance(rows, list):
            raise Malformed(f"the registry at {self.registry} answered something that is no table")
        found = {
            row["instance"]: row for row in rows
            if isinstance(row, dict) and wire.is_name(row.get("instance"))
        }
        ahead = self._ahead.get(self.registry, 0)
        for row in found.values():
            if row.get("requests"):
                # Good to the jitter of a heartbeat, until the instance itself answers.
                offset = row.get("clock_offset_ns")
                offset = ahead + (offset if wire.is_int(offset) else 0)
                self._ahead.setdefault(row["requests"], offset)
        self.rows = {name: row for name, row in self.rows.items() if name in found}
        there = {self.registry, *(row.get("requests") for row in found.values())}
        self._ahead = {place: ahead for place, ahead in self._ahead.items() if place in there}
        return found

    def running(self, name, timeout=None):
        """The row of an instance that runs."""
        before = self.rows.get(name)
        table = yield from self.table(timeout)
        row = table.get(name)
        if row is None:
            near = sorted(other for other in table if name in other or other in name)
            hint = "`cerro status` lists those it knows"
            if near:
                hint = f"did you mean {', '.join(near)}?"
            raise UnknownInstance(f"the registry knows no instance `{name}`; {hint}")
        if row.get("state") == "missing" and _is_hearing(table):
            patience = min(self.timeout if timeout is None else timeout, limits.HEARING_PATIENCE)
            try:
                row = yield from self.wait_alive(name, patience)
            except NotRunning:
                pass
        if row.get("state") not in ("alive", "silent") or not row.get("requests"):
            raise NotRunning(
                f"{name} is {row.get('state')}: start it on its host with `cerro agent run {name}`"
            )
        self._remember(row)
        if before is not None and before["requests"] != row["requests"]:
            yield Leave(before["requests"], before.get("key"))
        return row

    def _remember(self, row):
        """Takes the row of an instance that is going to be asked."""
        if not wire.is_int(row.get("epoch")):
            raise Malformed(
                f"the registry tells {row.get('epoch')!r} as the epoch of {row['instance']}"
            )
        self.rows[row["instance"]] = row

    def _of_row(self, row, action, arguments, timeout, epoch, at_once=False):
        return self._ask(
            row["requests"], row.get("key"), action, row["instance"],
            row["epoch"] if epoch is None else epoch, arguments, timeout, at_once,
        )

    def request(self, name, action, arguments=None, timeout=None, epoch=None):
        """The reply of an instance, whatever its code.

        `epoch` binds the request to one life of the instance; without it, a restart that the
        table did not show yet costs a look at the table, since nothing was done.
        """
        timeout, arguments = timeout or self.timeout, arguments or {}
        if name == "registry":
            return (yield from self._ask(
                self.registry, self.registry_key, action, name, 0, arguments, timeout
            ))
        row = self.rows.get(name)
        if row is not None:
            try:
                reply = yield from self._of_row(row, action, arguments, timeout, epoch, True)
                if reply.code != "request.stale" or epoch is not None:
                    return reply
            except NotReady:
                pass
        try:
            row = yield from self.running(name, timeout)
        except (Unreachable, TimedOut):
            # While the registry is away, whoever was found before is still there.
            if row is None:
                raise
        return (yield from self._of_row(row, action, arguments, timeout, epoch))

    def result(self, name, action, arguments=None, timeout=None):
        """The result of a request; the error of its code if it is not `ok`."""
        reply = yield from self.request(name, action, arguments, timeout)
        if reply.code != "ok":
            raise error_of(reply.code, reply.text)
        return reply.result

    def describe(self, name, timeout=None):
        """What an instance says of itself: feeds, operations, parameters."""
        found = yield from self.result(name, "describe", {}, timeout)
        if not isinstance(found, dict):
            raise Malformed(f"{name} describes itself in a way that is no map")
        return found

    def class_of(self, name, wanted):
        """The instance `name`, or if it is None the first one alive of a class."""
        if name is not None:
            return name
        for known, row in self.rows.items():
            if row.get("class") == wanted:
                return known
        table = yield from self.table()
        for found in sorted(table):
            if table[found].get("class") == wanted and table[found].get("state") == "alive":
                self._remember(table[found])
                return found
        raise NotRunning(f"no instance of class {wanted} is alive, so nobody answers queries")

    def wait_alive(self, name, timeout):
        """The row of an instance as soon as it is alive; the registry announces each change."""
        deadline = time.monotonic() + timeout
        subscription = yield Subscribe(("registry/table/",))
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotRunning(f"{name} did not become alive within {timeout} s")
            table = {}
            try:
                table = yield from self.table(min(left, self.timeout))
            except Unreachable:
                continue
            if table.get(name, {}).get("state") == "alive":
                self._remember(table[name])
                return table[name]
            own = table.get("registry", {})
            if own.get("publisher"):
                yield Connect(subscription, {own["publisher"]: own.get("key")})
            # It tells its version each second, which also covers a change before the connection.
            yield Receive(subscription, min(left, 1.0))


def _is_hearing(table):
    """Whether the registry has just begun, and may not have heard from all who live."""
    own = table.get("registry", {})
    since, seen = own.get("since"), own.get("seen")
    # It is in its own table once it has heard from itself.
    return since is None or seen is None or seen - since < limits.HEARING * 10**9


def unreachable(ask):
    """No connection in time."""
    return Unreachable(
        f"{ask.what} is not reachable: no connection within {ask.timeout:g} s; nothing was asked. "
        "Is it up? `cerro doctor` on this host looks at the way to it"
    )


def lost(ask):
    """The connection ended before the reply."""
    return ConnectionLost(
        f"the connection to {ask.what} was lost after it was asked; whether it was carried out is "
        "not known: ask for the status"
    )


def unreadable(ask, error):
    """The reply came, and is none."""
    return Malformed(
        f"{ask.what} answered something that is no answer, so whether it was carried out is not "
        f"known: {error}"
    )


def timed_out(ask):
    """No reply in time."""
    return TimedOut(
        f"{ask.what} did not answer within {ask.timeout:g} s; whether it was carried out is not "
        "known: ask for the status"
    )
