"""Who asked for what, and who has taken control, as values: no clock, no socket."""

import json
from typing import NamedTuple, Optional

from .. import limits
from .book import Refusal

_SECRET = ("password", "passwd", "passphrase", "secret", "token", "credential")


class Caller(NamedTuple):
    """Who asks: a name, what stands behind it (`local`: nothing), and an address."""

    name: str = "unknown"
    proof: str = "local"
    address: str = ""

    def __str__(self):
        kind, _, value = self.proof.partition(":")
        if kind == "local":
            return f"local, claimed {self.name}, unproven"
        proof = f"key {value[:8]}…" if kind == "key" else f"token {value}"
        return f"{self.name} ({proof})"


class Entry(NamedTuple):
    """A row of the feed `audit`; `duration` in seconds, at the end of a command only."""

    request: str
    outcome: str
    who: str
    name: str
    proof: str
    address: str
    action: str
    operation: str
    parameters: str
    reason: str = ""
    duration: Optional[float] = None

    def ended(self, outcome, reason, duration):
        """What came of the command that this entry began."""
        reason = reason[: limits.MESSAGE_LENGTH]
        return self._replace(outcome=outcome, reason=reason, duration=duration)


def entry_of(request, caller, outcome, secrets=()):
    """The entry about a request; parameters whose names are among `secrets` are blanked."""
    arguments = request.arguments if isinstance(request.arguments, dict) else {}
    operation = arguments.get("operation")
    operation = operation if isinstance(operation, str) else ""
    given = arguments.get("parameters") or ({} if operation else arguments)
    text = ""
    if given:
        text = json.dumps(_blanked(given, secrets), default=_unwritten, separators=(",", ":"))
    if len(text.encode()) > limits.AUDITED_PARAMETERS:
        # Cut JSON is no JSON, and the whole might fill the archive.
        text = json.dumps({"": f"{len(text.encode())} bytes, too many for the audit"})
    return Entry(
        request.id.hex(), outcome, str(caller), caller.name, caller.proof, caller.address,
        request.action, operation[: limits.AUDITED_NAME], text,
    )


def _unwritten(value):
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _blanked(value, secrets):
    if isinstance(value, dict):
        return {
            str(name): "(secret)" if name in secrets or sounds_secret(str(name))
            else _blanked(item, secrets)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_blanked(item, secrets) for item in value]
    return value


def sounds_secret(name):
    """Whether what has this name is better not shown."""
    plain = name.lower()
    return any(word in plain for word in _SECRET) or plain.endswith(("key", "keys"))


class AuditBook:
    """Commands that are under way, and refusals that were left out; times are monotonic."""

    def __init__(self):
        self._commands = {}
        self._listed, self._left_out, self._begin = 0, 0, 0.0

    def begin(self, entry, subject, now):
        """Notes a command that ends when its subject does: a session's number, or `control`."""
        self._commands.setdefault(subject, []).append((entry, now))

    def end(self, subject, failure, now):
        """The entries that the end of a subject completes; `failure` says why it failed."""
        ended = []
        for entry, began in self._commands.pop(subject, []):
            # Whoever stops what fails has stopped it all the same.
            has_failed = failure is not None and entry.action == "start"
            outcome = "failed" if has_failed else "done"
            ended.append(entry.ended(outcome, failure or "", now - began))
        return ended

    def abandon(self, reason, now):
        """The entries of all that is under way, which nobody will see the end of."""
        commands, self._commands = self._commands, {}
        return [
            entry.ended("failed", reason, now - began)
            for entries in commands.values() for entry, began in entries
        ]

    def lists(self, now):
        """Whether one more refusal goes into the audit; if not, it is counted."""
        if self._listed == 0:
            self._begin = now
        if self._listed < limits.AUDITED_REFUSALS:
            self._listed += 1
            return True
        self._left_out += 1
        return False

    def summary(self, now, is_last=False):
        """The entry that says how many were left out, once their period is over."""
        if not self._listed or not is_last and now - self._begin < limits.AUDIT_PERIOD:
            return None
        count, self._listed, self._left_out = self._left_out, 0, 0
        if not count:
            return None
        reason = f"{count} more requests were refused, which are not listed"
        return Entry("", "refused", "", "", "", "", "", "", "", reason)


class ControlDesk:
    """Who has control: one caller at most; it ends by itself, and with the agent."""

    def __init__(self):
        self._holder, self._control, self._deadline = None, None, 0.0

    @property
    def value(self):
        """Control as the wire has it, None for nobody."""
        return self._control

    def check(self, caller):
        """Refuses a command while somebody else has control."""
        if self._holder is not None and self._holder != (caller.name, caller.proof):
            held = self._control
            refusal = Refusal(
                "control.held",
                f"{held['holder']} has control: {held['reason']}. Ask {held['holder']}, or wait; "
                "an admin may break it",
            )
            refusal.result = {"control": held}
            raise refusal

    def take(self, caller, arguments, no_break, now, monotonic):
        """Takes control, or goes on with it; `no_break` says why the caller may not take it from
        somebody, None where they may; `now` in ns.
        """
        reason = arguments.get("reason")
        if not isinstance(reason, str) or not 1 <= len(reason) <= limits.CONTROL_REASON:
            raise Refusal(
                "parameter.invalid", "who takes control says why, in 1 to "
                f"{limits.CONTROL_REASON} characters: give `reason`",
            )
        duration = arguments.get("duration_ns")
        seconds = duration / 1e9 if isinstance(duration, int) else limits.USUAL_CONTROL
        if not 1 <= seconds <= limits.LONGEST_CONTROL:
            raise Refusal(
                "parameter.invalid",
                f"control for {seconds:g} s is not possible, from 1 s to 12 h is",
            )
        self._obstacle(caller, arguments, no_break)
        is_renewed = self._holder == (caller.name, caller.proof)
        since = self._control["since"] if is_renewed else now
        self._holder = caller.name, caller.proof
        self._deadline = monotonic + seconds
        self._control = {
            "holder": caller.name, "proof": caller.proof, "reason": reason, "since": since,
            "until": now + int(seconds * 1e9),
        }

    def release(self, caller, arguments, no_break):
        """Gives control back; whether somebody had it."""
        self._obstacle(caller, arguments, no_break)
        had, self._holder, self._control = self._control, None, None
        return had is not None

    def expire(self, monotonic):
        """Ends control whose time is over; whether it did."""
        if self._control is None or monotonic < self._deadline:
            return False
        self._holder, self._control = None, None
        return True

    def _obstacle(self, caller, arguments, no_break):
        try:
            self.check(caller)
        except Refusal:
            if arguments.get("break") is not True:
                raise
            if no_break is not None:
                raise Refusal("refused", no_break) from None
