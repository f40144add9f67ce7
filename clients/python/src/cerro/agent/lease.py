"""The lease at the registry, as a dialogue: what to send when, and what an answer means."""

from .. import limits


class Lease:
    """Asks for the lease, renews it each second, and says when others hold it.

    :meth:`due` tells when to send again, :meth:`action` what, and :meth:`answered` or
    :meth:`unanswered` what came of it. Times are monotonic seconds.
    """

    def __init__(self, now):
        self.is_held = False
        self.shows_lease = False
        #: Why no registry answers, None while one does.
        self.away = "no answer yet"
        self._due = now
        self._begin = now
        self._sent = now

    def due(self):
        """When the next message is to be sent."""
        return self._due

    def action(self, now):
        """`register` or `heartbeat`; the time of sending is noted."""
        self._sent = now
        # At the same moment in all processes of a machine: who hears them wakes once for all.
        period = limits.HEARTBEAT_PERIOD
        self._due = (now // period + 1) * period
        return "heartbeat" if self.is_held else "register"

    def answered(self, code, now):
        """Takes an answer; True if another process holds the instance."""
        self.away = None
        self.is_held = code == "ok"
        self.shows_lease = self.shows_lease or self.is_held
        if not self.is_held:
            self._due = max(now, self._sent + limits.LEASE_RETRY)
        return code == "lease.held"

    def unanswered(self, reason, now):
        """No connection, or no answer for a period."""
        self.away = reason
        self.is_held = False
        self._due = now + limits.LEASE_RETRY

    def may_begin(self, now):
        """Whether operations may start: with the lease, or when patience is over."""
        return self.is_held or now - self._begin > limits.REGISTRY_PATIENCE

    def is_alone(self, now):
        """Whether no registry has answered for too long."""
        return self.away is not None and now - self._begin > limits.REGISTRY_PATIENCE
