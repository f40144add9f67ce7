"""Requests to an agent: checked by the ledger, answered at once or when a session ends."""

import math
import os
import time
from typing import NamedTuple, Optional

import zmq

from .. import __version__, limits, wire
from ..spool import FetchError, fetch
from .audit import Caller, entry_of
from .book import Refusal
from .parameters import ParameterError

_LONGEST_WAIT = 86_400.0
#: Actions that only the holder of control may ask for.
_CONTROLLED = ("start", "stop", "abort")
#: What other actions ask of who asks: `observe` unless it is here.
_NEEDS = {"take": "operate", "release": "operate", "fetch": "instance", "forget": "admin"}


class _Call(NamedTuple):
    """A request that is to be done, and who asks."""

    peer: bytes
    id: bytes
    request: wire.Request
    caller: Caller

    @property
    def arguments(self):
        """The arguments, an empty map where there are none."""
        return self.request.arguments if isinstance(self.request.arguments, dict) else {}


class _Wait(NamedTuple):
    peer: bytes
    id: bytes
    session: object
    deadline: float


class _Fetch(NamedTuple):
    peer: bytes
    id: bytes
    arguments: dict
    newest: int
    deadline: float
    #: Seconds between two beats at which it may be answered, 0 for none; None once it gathers.
    gather: Optional[float]


class Requests:
    """Answers requests; used by the thread that owns the sockets only."""

    def __init__(self, runtime):
        self._runtime = runtime
        self._waits, self._fetches = [], []
        self._malformed, self._reported = 0, 0.0
        #: Requests whose callers lacked a role.
        self.refused = 0
        #: Whether somebody waits for a record.
        self.is_awaited = False

    def take(self, peer, data, facts=(None, None)):
        """One request as it came, with the key that its sender has proved and its address."""
        runtime = self._runtime
        try:
            request = wire.decode_request(data)
        except wire.WireError as error:
            self.count_malformed(str(error))
            id = wire.id_of(data)
            if id is not None:
                code = "request.malformed" if error.version is None else "request.version"
                self._send(peer, self._reply(id, code, str(error), None))
            return
        caller = runtime.gate.table.caller(facts[0], request.asker, facts[1])
        call = _Call(peer, request.id, request, caller)
        refusal = self._refusal(call)
        if refusal is not None:
            self.refused += 1
            self._note_refusal(call, "refused", refusal)
            return self._send(peer, self._reply(request.id, "refused", refusal, None))
        verdict, found = runtime.ledger.admit(
            request, peer, runtime.now(), time.monotonic(), facts[0]
        )
        if verdict == "run":
            return self._do(call)
        if request.action not in wire.EFFECT_FREE:
            is_stale = verdict == "refused" and found[0] == "request.stale"
            outcome = "expired" if is_stale else "refused" if verdict == "refused" else "repeated"
            self._note_refusal(call, outcome, found[1] if verdict == "refused" else "")
        if verdict == "answered":
            self._send(peer, found)
        elif verdict == "refused":
            self._send(peer, self._reply(request.id, *found, None))

    def _refusal(self, call):
        """Why a request is not done: its caller lacks a role."""
        action, operation = call.request.action, _name(call.arguments)
        about = operation or action
        if action in _CONTROLLED:
            known = self._runtime.book.operations.get(operation)
            # One that is not there is answered as such to whoever may look here.
            needs = known.role if known else "observe"
        else:
            needs = _NEEDS.get(action, "observe")
            about = action if action in _NEEDS else about
        return self._may(call, needs, about)

    def _may(self, call, needs, about):
        runtime = self._runtime
        return runtime.gate.table.refusal(
            call.caller, needs, runtime.settings.instance, about, runtime.now()
        )

    def count_malformed(self, what):
        """Counts what is no request; a line a minute says so."""
        self._malformed += 1
        now = time.monotonic()
        if now - self._reported >= limits.DROP_REPORT or self._malformed == 1:
            self._reported = now
            self._runtime.logger.warning(
                "%d malformed requests were dropped, the last: %s", self._malformed, what
            )

    def _note_refusal(self, call, outcome, reason):
        runtime = self._runtime
        with runtime.lock:
            now = time.monotonic()
            runtime.note_audit(filter(None, [runtime.audit.summary(now)]))
            if runtime.audit.lists(now):
                reason = reason[: limits.MESSAGE_LENGTH]
                runtime.note_audit([self._entry(call, outcome)._replace(reason=reason)])

    def _entry(self, call, outcome="started"):
        name = _name(call.arguments)
        operation = self._runtime.book.operations.get(name)
        parameters = operation.parameters if operation else []
        secrets = [item.name for item in parameters if item.is_secret]
        return entry_of(call.request, call.caller, outcome, secrets)

    def _do(self, call):
        peer, request, arguments = call.peer, call.request, call.arguments
        try:
            self._end_overdue_control()
            if request.action in _CONTROLLED:
                self._runtime.control.check(call.caller)
            act = getattr(self, f"_do_{request.action}", None)
            if act is None or not request.action.isalpha():
                raise Refusal("action.unknown", f"there is no action `{request.action}` here")
            act(call, arguments)
        except Refusal as error:
            self._refuse(call, error.code, str(error), error.result)
        except ParameterError as error:
            self._refuse(call, "parameter.invalid", str(error))
        except FetchError as error:
            self._refuse(call, "request.malformed", str(error))
        except Exception as error:  # A defect must not end the agent.
            self._runtime.logger.exception("a request failed")
            self._finish(peer, request.id, "internal", f"{type(error).__name__}: {error}")

    def _refuse(self, call, code, text, result=None):
        if call.request.action not in wire.EFFECT_FREE:
            self._note_refusal(call, "refused", text)
        self._finish(call.peer, call.id, code, text, result)

    def _finish(self, peer, id, code, text="", result=None):
        reply = self._reply(id, code, text, result)
        for other in [peer, *self._runtime.ledger.finish(id, reply, time.monotonic())]:
            self._send(other, reply)

    def _reply(self, id, code, text, result):
        runtime = self._runtime
        return wire.encode_reply(
            wire.Reply(id, code, text, result, runtime.now(), runtime.log.epoch)
        )

    def _send(self, peer, reply):
        try:
            self._runtime.router.send_multipart([peer, reply], zmq.NOBLOCK)
        except zmq.ZMQError:
            pass

    # The actions.

    def _do_describe(self, call, _):
        runtime, settings = self._runtime, self._runtime.settings
        self._finish(call.peer, call.id, "ok", "", {
            "instance": settings.instance, "class": settings.class_name, "host": settings.host,
            "pid": os.getpid(), "version": __version__, "epoch": runtime.log.epoch,
            "feeds": [feed.value() for feed in runtime.feeds.values()],
            "operations": [item.value for item in runtime.book.operations.values()],
            "queries": [], "needs": {}, "control": runtime.control.value,
        })

    def _do_status(self, call, arguments):
        runtime, name = self._runtime, arguments.get("operation")
        with runtime.lock:
            book = runtime.book
            if isinstance(name, str):
                book.operation(name)
                session = book.session(name, _int(arguments.get("session")))
                is_long = arguments.get("history") is True
                history = [item.value for item in book.history(name)] if is_long else None
                result = {"session": session and session.value, "history": history}
            else:
                newest = [book.session(item) for item in book.operations]
                result = {
                    "sessions": [session.value for session in newest if session is not None],
                    "faults": runtime.faults.open, "operations": book.summary,
                    "published": runtime.log.newest, "control": runtime.control.value,
                }
        self._finish(call.peer, call.id, "ok", "", result)

    def _do_start(self, call, arguments):
        if self._runtime.is_ending:
            raise Refusal("shutting-down", "the agent is shutting down")
        given = arguments.get("parameters") or {}
        session = self._runtime.start(_name(arguments), given, self._entry(call))
        self._accepted(call, session, arguments)

    def _do_stop(self, call, arguments):
        session = self._runtime.end(_name(arguments), "process", self._entry(call))
        self._accepted(call, session, arguments)

    def _do_abort(self, call, arguments):
        session = self._runtime.end(_name(arguments), "task", self._entry(call))
        self._accepted(call, session, arguments)

    def _accepted(self, call, session, arguments):
        wait = _int(arguments.get("wait_ns")) or 0
        if wait > 0:
            self._wait(call.peer, call.id, session, wait)
        else:
            with self._runtime.lock:
                value = session.value
            self._finish(call.peer, call.id, "ok", "", {"session": value})

    def _do_wait(self, call, arguments):
        book, name = self._runtime.book, _name(arguments)
        book.operation(name)
        session = book.session(name, _int(arguments.get("session")))
        if session is None:
            raise Refusal("operation.idle", f"`{name}` has not run")
        self._wait(call.peer, call.id, session, _int(arguments.get("wait_ns")) or 0)

    def _do_fetch(self, call, arguments):
        wait = max(0, _int(arguments.get("wait_ms")) or 0) / 1000
        newest = self._runtime.log.newest
        answer = fetch(self._runtime.log, arguments)
        has_room = len(self._fetches) < limits.PENDING_REQUESTS
        if answer["count"] or answer["state"] != "caught-up" or not wait or not has_room:
            return self._finish(call.peer, call.id, "ok", "", answer)
        deadline = time.monotonic() + min(wait, limits.FETCH_WAIT)
        gather = min(max(0, _int(arguments.get("gather_ms")) or 0) / 1000, limits.FETCH_GATHER)
        if gather and (beat := _next_beat(time.monotonic(), gather)) < deadline:
            # The last beat at which somebody may be woken anyway.
            deadline = beat + (deadline - beat) // gather * gather
        self._fetches.append(_Fetch(call.peer, call.id, arguments, newest, deadline, gather))
        self.is_awaited = True

    def _do_log(self, call, _):
        log = self._runtime.log
        with log.lock:
            oldest = log.segments[0]
            result = {
                "epoch": log.epoch, "newest": log.newest, "oldest_epoch": oldest.epoch,
                "oldest": oldest.first, "memory": 0, "size": log.size, "failure": log.failure,
                "bytes": sum(segment.byte_count for segment in log.segments),
                "archives": {
                    name: {"epoch": epoch, "position": position}
                    for name, (epoch, position) in log.commits.items()
                },
                "feeds": {
                    name: dict(zip(("records", "last", "published"), counts))
                    for name, counts in self._runtime.counts.items()
                },
            }
        self._finish(call.peer, call.id, "ok", "", result)

    def _do_forget(self, call, arguments):
        archive = arguments.get("archive")
        if not isinstance(archive, str):
            raise Refusal("request.malformed", "`forget` needs `archive`, an archive's id")
        entry, begin = self._entry(call), time.monotonic()
        self._runtime.begin_audit(entry)
        known = self._runtime.log.forget(archive)
        self._runtime.note_audit([entry.ended("done", "", time.monotonic() - begin)])
        self._finish(call.peer, call.id, "ok", "", {"known": known})

    # Control.

    def _do_take(self, call, arguments):
        self._change_control(call, arguments, is_taken=True)

    def _do_release(self, call, arguments):
        self._change_control(call, arguments, is_taken=False)

    def _change_control(self, call, arguments, is_taken):
        runtime, entry, now = self._runtime, self._entry(call), time.monotonic()
        before = runtime.control.value
        refusal = self._may(call, "admin", "take") if arguments.get("break") is True else None
        if is_taken:
            runtime.control.take(call.caller, arguments, refusal, runtime.now(), now)
        else:
            runtime.control.release(call.caller, arguments, refusal)
        with runtime.lock:
            runtime.note_audit([entry])
            if before is not None:
                is_own = before["holder"] == call.caller.name
                how = "" if is_own and not is_taken else "renewed" if is_own else "broken"
                self._note_end_of_control(how)
            if is_taken:
                runtime.audit.begin(entry, "control", now)
            else:
                runtime.note_audit([entry.ended("done", "", 0.0)])
        self._finish(call.peer, call.id, "ok", "", {"control": runtime.control.value})

    def _end_overdue_control(self):
        if self._runtime.control.expire(time.monotonic()):
            self._note_end_of_control("its time was over")

    def _note_end_of_control(self, how):
        runtime = self._runtime
        with runtime.lock:
            ended = runtime.audit.end("control", None, time.monotonic())
            runtime.note_audit(entry._replace(reason=how) for entry in ended)

    # What is answered later.

    def _wait(self, peer, id, session, wait_ns):
        if session.is_done:
            return self._answer(peer, id, session)
        if len(self._waits) >= limits.PENDING_REQUESTS:
            text = "too many requests wait: ask for the status"
            return self._finish(peer, id, "request.too-many", text)
        deadline = time.monotonic() + min(wait_ns / 1e9, _LONGEST_WAIT)
        self._waits.append(_Wait(peer, id, session, deadline))

    def _answer(self, peer, id, session):
        with self._runtime.lock:
            value = session.value
        result = {"session": value}
        if value["status"] != "done":
            text = f"`{session.operation}` goes on as session {session.id}: {value['status']}"
            self._finish(peer, id, "wait.timeout", text, result)
        elif value["success"]:
            self._finish(peer, id, "ok", "", result)
        else:
            self._finish(peer, id, "operation.failed", value["reason"], result)

    def session_ended(self, session):
        """Answers those who wait for its end."""
        ended = [wait for wait in self._waits if wait.session is session]
        self._waits = [wait for wait in self._waits if wait.session is not session]
        for wait in ended:
            self._answer(wait.peer, wait.id, wait.session)

    def due(self):
        """When the next answer is due, in monotonic seconds."""
        deadlines = [wait.deadline for wait in self._waits]
        deadlines += [wait.deadline for wait in self._fetches]
        return min(deadlines, default=float("inf"))

    def answer_due(self, now):
        """Answers waits that are over, and fetches for which there is a record."""
        if self._waits and min(wait.deadline for wait in self._waits) <= now:
            over = [wait for wait in self._waits if wait.deadline <= now]
            self._waits = [wait for wait in self._waits if wait.deadline > now]
            for wait in over:
                self._answer(wait.peer, wait.id, wait.session)
        if not self._fetches:
            return
        newest, waiting = self._runtime.log.newest, []
        for item in self._fetches:
            if item.gather and item.newest != newest:
                # What follows the record soon comes along with it.
                item = item._replace(gather=None, deadline=_next_beat(now, item.gather))
            if item.deadline > now and (item.gather is None or item.newest == newest):
                waiting.append(item)
                continue
            answer = fetch(self._runtime.log, item.arguments, is_noted=True)
            self._finish(item.peer, item.id, "ok", "", answer)
        self._fetches = waiting
        self.is_awaited = bool(waiting)

    def answer_all(self):
        """Answers everybody, as the agent ends."""
        for wait in self._waits:
            self._answer(wait.peer, wait.id, wait.session)
        self._waits = []


def _next_beat(now, gather):
    """The next moment, by the monotonic clock, at which fetches that gather are answered."""
    return math.floor((now - limits.GATHER_PHASE) / gather + 1) * gather + limits.GATHER_PHASE


def _int(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _name(arguments):
    name = arguments.get("operation")
    return name if isinstance(name, str) else ""
