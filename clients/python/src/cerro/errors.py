"""Why something was not done: one class for each thing that a script can act upon."""

class CerroError(Exception):
    """Anything that Cerro could not do; the text says what to do about it.

    `code` is the word of the wire's table of codes, empty where nobody was asked. `session` is the
    session that the error is about, `{}` if there is none.
    """

    code = ""

    def __init__(self, text, code=None, session=None):
        super().__init__(text)
        if code is not None:
            self.code = code
        self.session = {} if session is None else session


class Unreachable(CerroError):
    """No connection was established in time: nothing was asked."""


class UnknownInstance(CerroError):
    """The registry knows no such instance."""

    code = "target.unknown"


class NotRunning(CerroError):
    """The registry knows the instance, and nobody runs it."""


class TimedOut(CerroError):
    """The request was sent and nothing came back: whether it was done is not known."""


class ConnectionLost(TimedOut):
    """The connection ended after the request was sent: whether it was done is not known."""


class Malformed(CerroError):
    """What came back is no answer."""


class SiteError(CerroError):
    """The site file is missing, or does not say where the registry is."""


class KeyMissing(CerroError):
    """A key that is needed is missing or damaged."""


class Refused(CerroError):
    """The other end refused, and did nothing."""


class Stale(Refused):
    """Another instance, another epoch (it was restarted), or too late: nothing was done."""


class Busy(Refused):
    """The operation runs already."""


class Idle(Refused):
    """The operation does not run."""


class NotAbortable(Refused):
    """The operation cannot be cut short."""


class InvalidParameter(Refused):
    """A parameter is missing, unknown, of another type or out of range; nothing was started."""


class UnknownOperation(Refused):
    """The agent has no such operation."""


class ControlHeld(Refused):
    """Somebody else has taken control of the instance."""


class LeaseHeld(Refused):
    """Another process is this instance."""


class OperationFailed(CerroError):
    """The operation ran, and failed."""


class WaitTimeout(CerroError):
    """The wait is over, and the operation goes on."""


class QueryFailed(CerroError):
    """The question could not be answered."""


class QueryLimit(QueryFailed):
    """The answer would be longer than is allowed: ask for less, or for a reduction."""


_OF_CODE = {
    "request.stale": Stale,
    "operation.unknown": UnknownOperation,
    "operation.busy": Busy,
    "operation.idle": Idle,
    "operation.not-abortable": NotAbortable,
    "parameter.invalid": InvalidParameter,
    "operation.failed": OperationFailed,
    "wait.timeout": WaitTimeout,
    "target.unknown": UnknownInstance,
    "control.held": ControlHeld,
    "lease.held": LeaseHeld,
    "query.failed": QueryFailed,
    "query.limit": QueryLimit,
    "field.unknown": QueryFailed,
    "feed.unknown": QueryFailed,
}


def error_of(code, text, session=None):
    """The error that a reply's code stands for; a code that is not known is a refusal."""
    return _OF_CODE.get(code, Refused)(text or code, code, session)
