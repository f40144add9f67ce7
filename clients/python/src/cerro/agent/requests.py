"""Requests to an agent: checked by the ledger, answered at once or when a session ends."""

import os
import time
from typing import NamedTuple

import zmq

from .. import __version__, limits, wire
from ..spool import FetchError, fetch
from .book import Refusal
from .parameters import ParameterError

_LONGEST_WAIT = 86_400.0


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


class Requests:
    """Answers requests; used by the thread that owns the sockets only."""

    def __init__(self, runtime):
        self._runtime = runtime
        self._waits, self._fetches = [], []
        self._malformed, self._reported = 0, 0.0
        #: Whether somebody waits for a record.
        self.is_awaited = False

    def take(self, peer, data):
        """One request as it came."""
        runtime = self._runtime
        try:
            request = wire.decode_request(data)
        except wire.WireError as error:
            self.count_malformed(str(error))
            if error.id is not None:
                self._send(peer, self._reply(error.id, "request.version", str(error), None))
            return
        verdict, found = runtime.ledger.admit(request, peer, runtime.now(), time.monotonic())
        if verdict == "answered":
            self._send(peer, found)
        elif verdict == "refused":
            self._send(peer, self._reply(request.id, *found, None))
        elif verdict == "run":
            self._do(peer, request)

    def count_malformed(self, what):
        """Counts what is no request; a line a minute says so."""
        self._malformed += 1
        now = time.monotonic()
        if now - self._reported >= limits.DROP_REPORT or self._malformed == 1:
            self._reported = now
            self._runtime.logger.warning(
                "%d malformed requests were dropped, the last: %s", self._malformed, what
            )

    def _do(self, peer, request):
        arguments = request.arguments if isinstance(request.arguments, dict) else {}
        try:
            act = getattr(self, f"_do_{request.action}", None)
            if act is None or not request.action.isalpha():
                raise Refusal("action.unknown", f"there is no action `{request.action}` here")
            act(peer, request, arguments)
        except Refusal as error:
            self._finish(peer, request.id, error.code, str(error), error.result)
        except ParameterError as error:
            self._finish(peer, request.id, "parameter.invalid", str(error))
        except FetchError as error:
            self._finish(peer, request.id, "request.malformed", str(error))
        except Exception as error:  # A defect must not end the agent.
            self._runtime.logger.exception("a request failed")
            self._finish(peer, request.id, "internal", f"{type(error).__name__}: {error}")

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

    def _do_describe(self, peer, request, _):
        runtime, settings = self._runtime, self._runtime.settings
        self._finish(peer, request.id, "ok", "", {
            "instance": settings.instance, "class": settings.class_name, "host": settings.host,
            "pid": os.getpid(), "version": __version__, "epoch": runtime.log.epoch,
            "feeds": [feed.value() for feed in runtime.feeds.values()],
            "operations": [item.value for item in runtime.book.operations.values()],
            "queries": [],
        })

    def _do_status(self, peer, request, arguments):
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
                    "published": runtime.log.newest,
                }
        self._finish(peer, request.id, "ok", "", result)

    def _do_start(self, peer, request, arguments):
        if self._runtime.is_ending:
            raise Refusal("shutting-down", "the agent is shutting down")
        session = self._runtime.start(_name(arguments), arguments.get("parameters") or {})
        self._accepted(peer, request, session, arguments)

    def _do_stop(self, peer, request, arguments):
        session = self._runtime.end(_name(arguments), "process")
        self._accepted(peer, request, session, arguments)

    def _do_abort(self, peer, request, arguments):
        session = self._runtime.end(_name(arguments), "task")
        self._accepted(peer, request, session, arguments)

    def _accepted(self, peer, request, session, arguments):
        wait = _int(arguments.get("wait_ns")) or 0
        if wait > 0:
            self._wait(peer, request.id, session, wait)
        else:
            with self._runtime.lock:
                value = session.value
            self._finish(peer, request.id, "ok", "", {"session": value})

    def _do_wait(self, peer, request, arguments):
        book, name = self._runtime.book, _name(arguments)
        book.operation(name)
        session = book.session(name, _int(arguments.get("session")))
        if session is None:
            raise Refusal("operation.idle", f"`{name}` has not run")
        self._wait(peer, request.id, session, _int(arguments.get("wait_ns")) or 0)

    def _do_fetch(self, peer, request, arguments):
        wait = max(0, _int(arguments.get("wait_ms")) or 0) / 1000
        newest = self._runtime.log.newest
        answer = fetch(self._runtime.log, arguments)
        has_room = len(self._fetches) < limits.PENDING_REQUESTS
        if answer["count"] or answer["state"] != "caught-up" or not wait or not has_room:
            return self._finish(peer, request.id, "ok", "", answer)
        deadline = time.monotonic() + min(wait, limits.FETCH_WAIT)
        self._fetches.append(_Fetch(peer, request.id, arguments, newest, deadline))
        self.is_awaited = True

    def _do_log(self, peer, request, _):
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
        self._finish(peer, request.id, "ok", "", result)

    def _do_forget(self, peer, request, arguments):
        archive = arguments.get("archive")
        if not isinstance(archive, str):
            raise Refusal("request.malformed", "`forget` needs `archive`, an archive's id")
        known = self._runtime.log.forget(archive)
        self._finish(peer, request.id, "ok", "", {"known": known})

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
            if item.deadline > now and item.newest == newest:
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


def _int(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _name(arguments):
    name = arguments.get("operation")
    return name if isinstance(name, str) else ""
