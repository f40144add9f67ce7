"""Replies and sessions in the shape that OCS scripts know."""

import enum
from collections import namedtuple

from .errors import error_of

#: What the first part of a reply says: done as asked, refused, still running.
OK, ERROR, TIMEOUT = 0, -1, 1


class OpCode(enum.IntEnum):
    """How an operation fares, by the numbers of OCS."""

    NONE = 1
    STARTING = 2
    RUNNING = 3
    STOPPING = 4
    SUCCEEDED = 5
    FAILED = 6
    EXPIRED = 7
    DEGRADED = 8


_WORDS = {
    "starting": OpCode.STARTING,
    "running": OpCode.RUNNING,
    "degraded": OpCode.DEGRADED,
    "stopping": OpCode.STOPPING,
}


class Reply(namedtuple("Reply", ["status", "message", "session"])):
    """What became of a call: `status` is OK, ERROR or TIMEOUT.

    As in OCS, OK says that the request was carried out, not that the operation succeeded: that is
    `session["success"]`. `code` is Cerro's own word for it, such as `operation.busy`.
    """

    code = "ok"

    @property
    def msg(self):
        """The message, by its name in OCS."""
        return self.message

    @property
    def succeeded(self):
        """Whether the operation is done and has succeeded."""
        return self.code == "ok" and self.session.get("success") is True

    def check(self):
        """The reply itself; the typed error if it is not OK or the operation failed."""
        if self.code != "ok":
            raise error_of(self.code, self.message, self.session)
        return self


#: Codes that are answers to the script; every other code but `ok` is an error.
_ANSWERS = {
    "ok": OK,
    "operation.failed": OK,
    "wait.timeout": TIMEOUT,
    "operation.idle": ERROR,
    "operation.busy": ERROR,
    "operation.unknown": ERROR,
    "operation.not-abortable": ERROR,
    "parameter.invalid": ERROR,
    "shutting-down": ERROR,
    "request.too-many": ERROR,
}


def seconds(ns):
    """Nanoseconds as seconds since 1970, None as None."""
    return None if ns is None else ns / 1e9


def session_of(value):
    """A session of the wire as a map with the keys of OCS, `{}` if there is none."""
    if not isinstance(value, dict):
        return {}
    status, success = value.get("status"), value.get("success")
    code = _WORDS.get(status, OpCode.SUCCEEDED if success else OpCode.FAILED)
    return {
        "session_id": value.get("session"),
        "op_name": value.get("operation"),
        "op_code": int(code),
        "status": "running" if status == "degraded" else status,
        "degraded": status == "degraded",
        "reason": value.get("reason") or "",
        "success": success,
        "start_time": seconds(value.get("start")),
        "end_time": seconds(value.get("end")),
        "data": value.get("data") or {},
        "messages": [[seconds(at), text] for at, text in value.get("messages") or []],
    }


def reply_of(reply, done="done"):
    """What a script gets for a reply of the wire; the typed error if it is no answer."""
    value = reply.result.get("session") if isinstance(reply.result, dict) else None
    session = session_of(value)
    if reply.code not in _ANSWERS:
        raise error_of(reply.code, reply.text, session)
    text = reply.text
    if reply.code == "operation.failed":
        text = f"{session.get('op_name')} FAILED: {text}" if text else "FAILED"
    elif reply.code == "ok" and not text:
        name = session.get("op_name", "it")
        text = f"{name} SUCCEEDED" if session.get("status") == "done" else f"{name}: {done}"
    answer = Reply(_ANSWERS[reply.code], text, session)
    answer.code = reply.code
    return answer
