"""Sessions and faults of an agent, as values: no thread, no clock, no socket."""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Optional

from .. import limits
from ..wire import packed


class Refusal(Exception):
    """Why a request is refused: a code of the wire, a text, and the session in the way."""

    def __init__(self, code, text, session=None):
        super().__init__(text)
        self.code = code
        self.result = None if session is None else {"session": session.value}


@dataclass
class Operation:
    """An operation of an agent; `kind` is `task` or `process`, `role` what starting it needs."""

    name: str
    kind: str
    body: object
    parameters: list
    help: str = ""
    is_abortable: bool = False
    role: str = "operate"

    @property
    def value(self):
        """The operation as `describe` shows it."""
        return {
            "name": self.name, "kind": self.kind, "help": self.help,
            "abortable": self.is_abortable, "needs": self.role,
            "parameters": [item.value for item in self.parameters],
        }


@dataclass
class Session:
    """One run of an operation."""

    id: int
    operation: str
    start: int
    status: str = "starting"
    reason: str = ""
    success: Optional[bool] = None
    end: Optional[int] = None
    data: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)

    @property
    def value(self):
        """The session as the wire has it."""
        return {
            "session": self.id, "operation": self.operation, "status": self.status,
            "reason": self.reason, "success": self.success, "start": self.start, "end": self.end,
            "data": dict(self.data), "messages": [list(line) for line in self.messages],
        }

    @property
    def is_done(self):
        """Whether it has ended."""
        return self.status == "done"


class SessionBook:
    """Which sessions run and what came of the last ones.

    Per operation: (nothing or done) → starting → running ⇄ degraded → stopping → done, forward
    only; at most one session of an operation is not done; a start that is refused changes nothing;
    numbers grow.
    """

    def __init__(self, operations):
        self.operations = {operation.name: operation for operation in operations}
        self._sessions = {name: [] for name in self.operations}
        self._next = 1

    def operation(self, name):
        """The operation of a name."""
        if name not in self.operations:
            raise Refusal(
                "operation.unknown",
                f"there is no operation `{name}`; there are {', '.join(self.operations)}",
            )
        return self.operations[name]

    def session(self, name, id=None):
        """A session that is kept, the newest for None; None where there is none."""
        kept = self._sessions[name]
        if id is None:
            return kept[-1] if kept else None
        return next((session for session in reversed(kept) if session.id == id), None)

    def history(self, name):
        """All that are kept of an operation, oldest first."""
        return list(self._sessions[name])

    @property
    def active(self):
        """Sessions that are not done."""
        return [kept[-1] for kept in self._sessions.values() if kept and not kept[-1].is_done]

    @property
    def summary(self):
        """The word for each operation: idle, a status, succeeded or failed."""
        words = {}
        for name, kept in self._sessions.items():
            if not kept:
                words[name] = "idle"
            elif not kept[-1].is_done:
                words[name] = kept[-1].status
            else:
                words[name] = "succeeded" if kept[-1].success else "failed"
        return words

    def may_begin(self, name):
        """Refuses a start while a session is not done."""
        self.operation(name)
        newest = self.session(name)
        if newest is not None and not newest.is_done:
            raise Refusal(
                "operation.busy",
                f"`{name}` runs already: session {newest.id}. Stop it first, or wait for it",
                newest,
            )

    def begin(self, name, now):
        """A new session in `starting`."""
        self.may_begin(name)
        session = Session(self._next, name, now)
        self._next += 1
        kept = self._sessions[name]
        kept.append(session)
        del kept[: -limits.SESSIONS_PER_OPERATION]
        return session

    def end(self, name, kind):
        """Accepts a stop of a process or an abort of a task: `stopping`."""
        operation, session = self.operation(name), self.session(name)
        if operation.kind != kind:
            right = "a task: use abort" if operation.kind == "task" else "a process: use stop"
            raise Refusal("operation.not-abortable", f"`{name}` is {right}")
        if session is None or session.is_done:
            raise Refusal("operation.idle", f"`{name}` does not run")
        if kind == "task" and not operation.is_abortable:
            raise Refusal(
                "operation.not-abortable", f"the task `{name}` cannot be cut short; wait for it"
            )
        if session.status == "stopping":
            raise Refusal(
                "operation.busy", f"session {session.id} of `{name}` is being stopped already",
                session,
            )
        session.status = "stopping"
        return session

    @staticmethod
    def mark_running(session):
        """The body has begun; whether that changes something."""
        if session.status != "starting":
            return False
        session.status = "running"
        return True

    @staticmethod
    def set_degraded(session, reason):
        """Degraded with a reason, or running again for None; whether that changes something."""
        if session.status not in ("starting", "running", "degraded"):
            return False
        before = session.status, session.reason
        session.status = "running" if reason is None else "degraded"
        session.reason = reason or ""
        return before != (session.status, session.reason)

    @staticmethod
    def finish(session, failure, now):
        """The body has returned (None) or failed with a reason; whether that changes something."""
        if session.is_done:
            return False
        session.status, session.success = "done", failure is None
        session.reason, session.end = failure or "", now
        return True

    @staticmethod
    def add_message(session, text, now):
        """Adds a line; the oldest goes where there are too many."""
        session.messages.append((now, str(text)[: limits.MESSAGE_LENGTH]))
        del session.messages[: -limits.MESSAGES_PER_SESSION]

    @staticmethod
    def set_data(session, key, value):
        """Sets an entry of the data; ValueError beyond the limits."""
        data = {**session.data, str(key): value}
        if len(data) > limits.DATA_ENTRIES or len(packed(data)) > limits.DATA_BYTES:
            raise ValueError(
                f"`{key}`: a session's data have at most {limits.DATA_ENTRIES} entries and "
                f"{limits.DATA_BYTES} bytes"
            )
        session.data = data


#: A named condition that an agent holds; severity is warning, error or critical, `since` in ns.
Fault = namedtuple("Fault", ["id", "severity", "since", "text", "subject"])


class FaultBook:
    """The faults that an agent holds, by id and subject."""

    def __init__(self):
        self._held = {}

    @property
    def open(self):
        """The faults as the wire has them, oldest first."""
        faults = sorted(self._held.values(), key=lambda f: (f.since, f.id, f.subject))
        return [fault._asdict() for fault in faults]

    def raise_(self, fault):
        """Holds a fault; itself if that is worth a record. One that is held keeps its begin."""
        if fault.severity not in ("warning", "error", "critical"):
            raise ValueError(f"severity is {fault.severity}; expected warning, error or critical")
        key = fault.id, fault.subject
        before = self._held.get(key)
        if before is None and len(self._held) >= limits.OPEN_FAULTS:
            return None
        if before is not None:
            fault = fault._replace(since=before.since)
        self._held[key] = fault
        return fault if before is None or before.severity != fault.severity else None

    def clear(self, id, subject=""):
        """Lets go of a fault; it, or None if it is not held."""
        return self._held.pop((id, subject), None)
