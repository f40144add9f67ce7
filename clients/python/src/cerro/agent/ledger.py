"""What has been asked of an agent: so a request runs once or not at all."""

from collections import OrderedDict, deque

from .. import limits
from ..wire import EFFECT_FREE, packed


class _Entry:
    __slots__ = ("content", "reply", "peers")

    def __init__(self, content):
        self.content, self.reply, self.peers = content, None, []


class RequestLedger:
    """The ledger of one instance; `epoch()` tells its epoch now."""

    def __init__(self, target, epoch):
        self.target = target
        self._epoch = epoch
        self._entries = OrderedDict()
        self._finished = deque()

    def admit(self, request, peer, now, monotonic, key=None):
        """What to do with a request: `("run", None)`, `("answered", reply)`, `("joined", None)` or
        `("refused", (code, text))`. `now` in ns, `monotonic` in seconds; `key` is its sender's.
        """
        if request.target != self.target:
            text = f"this is {self.target}, not {request.target}: ask the registry where it is now"
            return "refused", ("request.stale", text)
        has_effect = request.action not in EFFECT_FREE
        content = packed([request.action, request.epoch, request.arguments, request.asker, key])
        # Before the checks of epoch and time: a repeated request is late, and was done.
        entry = self._entries.get(request.id) if has_effect else None
        if entry is not None:
            if entry.content != content:
                text = "another request had this id: use an id of its own"
                return "refused", ("request.duplicate-id", text)
            if entry.reply is not None:
                return "answered", entry.reply
            entry.peers = [*entry.peers, peer][-limits.MOST_WAITING :]
            return "joined", None
        stale = self._staleness(request, has_effect, now)
        if stale is not None:
            return "refused", ("request.stale", stale)
        if has_effect:
            self._forget(monotonic)
            if len(self._entries) >= limits.MOST_REMEMBERED:
                text = f"{len(self._entries)} requests of the last 10 minutes"
                return "refused", ("request.too-many", text)
            self._entries[request.id] = _Entry(content)
        return "run", None

    def finish(self, id, reply, monotonic):
        """Remembers the answer of a request that ran; the peers that joined it."""
        entry = self._entries.get(id)
        if entry is None or entry.reply is not None:
            return []
        entry.reply = reply
        self._finished.append((monotonic, id))
        peers, entry.peers = entry.peers, []
        return peers

    def _staleness(self, request, has_effect, now):
        epoch = self._epoch()
        if request.epoch != epoch and (has_effect or request.epoch != 0):
            if request.epoch == 0:
                return f"`{request.action}` needs the epoch of {self.target}, which is {epoch}"
            return f"{self.target} has restarted: its epoch is {epoch}, not {request.epoch}"
        if request.expiry is None or now <= request.expiry:
            return None
        late = (now - request.expiry) / 1e9
        return f"the request came {late:.3f} s too late: nothing was done, ask again"

    def _forget(self, monotonic):
        while len(self._entries) >= limits.REMEMBERED_REQUESTS and self._finished:
            finished, id = self._finished[0]
            if monotonic - finished < limits.REMEMBERED_FOR:
                return
            self._finished.popleft()
            self._entries.pop(id, None)
