"""Answers of a log to an archive that pulls it."""

import re

from .. import limits

_ARCHIVE = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


class FetchError(ValueError):
    """Arguments that are no fetch."""


def fetch(log, arguments, is_noted=False):
    """The result of the action `fetch`.

    It notes what the archive has committed, which is what lets segments go; not once more for one
    that `is_noted`, which only waited for a record.
    """
    ask = _Ask(arguments)
    with log.lock:
        if not is_noted:
            _note(log, ask)
        # An archive that the disk does not know yet might be forgotten; where it is the only one,
        # nobody lets go of anything for it.
        if ask.archive not in log._saved_archives and len(log.commits) > 1:
            return _answer(ask.epoch, "caught-up")
        return _find(log, ask)


class _Ask:
    """The arguments of a fetch, checked."""

    def __init__(self, arguments):
        numbers = []
        for name in ("epoch", "after", "crc", "committed_epoch", "committed", "max_bytes"):
            value = arguments.get(name) if isinstance(arguments, dict) else None
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise FetchError(f"`{name}` is {value!r}; expected an integer of 0 or more")
            numbers.append(value)
        self.epoch, self.after, self.crc, self.done_epoch, self.done, most = numbers
        self.archive = arguments.get("archive")
        if not isinstance(self.archive, str) or not _ARCHIVE.match(self.archive):
            raise FetchError(f"`archive` is {self.archive!r}; expected an id")
        self.most_bytes = min(max(1, most), limits.FETCH_BYTES)
        #: The archive has nothing of this instance yet: what came before is no loss to it.
        self.is_joining = self.epoch == 0 or self.after == 0 and self.done_epoch == 0
        if self.epoch == 0:
            self.after = 0
        if self.after == 0:
            self.crc = 0


def _note(log, ask):
    done = ask.done_epoch, ask.done
    if _is_foreign(log, ask.done_epoch):
        done = 0, 0
    known = log.commits.get(ask.archive)
    if known is not None and known >= done:
        return
    if known is None:
        if len(log.commits) >= limits.ARCHIVES:
            return
        if not ask.is_joining:
            oldest = log.segments[0]
            log._known_from[ask.archive] = oldest.epoch, oldest.first
    log.commits[ask.archive] = done
    log._commits_changed = True
    if known is None:
        try:
            log.save_commits()
        except OSError:
            return
    log.free_committed()


def _is_foreign(log, epoch):
    """Whether an epoch never began here though an archive has some of it."""
    if epoch == 0 or any(entry.number == epoch for entry in log.epochs):
        return False
    full = len(log._starts) == limits.PREDECESSORS
    return epoch not in log._starts and not (full and epoch < log._starts[0])


def _answer(epoch, state, next_epoch=None, first=0, count=0, frames=b"", losses=()):
    return {
        "epoch": epoch, "first": first, "count": count, "frames": frames, "state": state,
        "next_epoch": next_epoch, "losses": list(losses),
    }


def _next_epoch(log, epoch):
    held = {segment.epoch for segment in log.segments}
    for entry in log.epochs:
        is_untold = not entry.is_closed and entry.boot != log._boot
        if entry.number > epoch and (
            entry.number == log.epoch or entry.number in held or is_untold
        ):
            return entry.number
    return None


def _find(log, ask):
    epoch = ask.epoch or log.segments[0].epoch
    if not any(entry.number == epoch for entry in log.epochs):
        if ask.after > 0 and _is_foreign(log, epoch):
            return _diverged(log, ask, epoch)
        return _gone(log, ask, epoch)
    is_current = epoch == log.epoch
    places = [n for n, segment in enumerate(log.segments) if segment.epoch == epoch]
    end = _end(log, epoch, places)
    if ask.after > end:
        # An old epoch of which the log lost the end has nothing that the archive lacks.
        if is_current:
            return _diverged(log, ask, epoch)
        return _end_answer(log, ask, epoch, ask.after, ())
    before = None
    for place in places:
        segment, limit = log.segments[place], log.limit(place)
        if min(limit, segment.next if segment.is_indexed else limit) <= ask.after:
            continue
        try:
            first, count, data, crc, published = segment.read(ask.after, limit, ask.most_bytes)
        except OSError:
            return _answer(epoch, "caught-up")
        if crc is not None and ask.crc not in (0, crc):
            return _diverged(log, ask, epoch)
        if not count:
            before = segment.published_by() or before
            continue
        losses = ()
        if first > ask.after + 1:
            losses = _losses(log, ask, epoch, ask.after + 1, first, before, published)
        last = first + count - 1
        if last < end:
            return _answer(epoch, "more", None, first, count, data, losses)
        return _end_answer(log, ask, epoch, last, losses, first, count, data)
    return _end_answer(log, ask, epoch, ask.after, ())


def _end(log, epoch, places):
    """The last position of an epoch that is known."""
    if epoch == log.epoch:
        return log.newest
    closed = next((entry.last or 0 for entry in log.epochs if entry.number == epoch), 0)
    if not places:
        return closed
    segment = log.segments[places[-1]]
    segment.index()
    return max(closed, segment.next - 1)


def _end_answer(log, ask, epoch, last, losses, first=0, count=0, data=b""):
    if epoch == log.epoch:
        return _answer(epoch, "caught-up", None, first, count, data, losses)
    losses = list(losses)
    places = [n for n, segment in enumerate(log.segments) if segment.epoch == epoch]
    end = _end(log, epoch, places)
    to = log.segments[places[-1]].published_by() if places else None
    if last < end:
        # Nothing behind it can be read, and nothing will follow that shows the hole.
        losses += _losses(log, ask, epoch, last + 1, end + 1, to, to or epoch)
    entry = next(entry for entry in log.epochs if entry.number == epoch)
    if not entry.is_closed:
        # Nobody can say that an epoch which the table does not know was closed.
        cause = "damage in the spool"
        is_damaged = bool(places) and log.segments[places[-1]].is_damaged
        if entry.boot != "unread":
            is_damaged, cause = entry.boot != log._boot, "power loss, at most 1 s"
        if is_damaged:
            at = to or epoch
            losses.append(_row(log, at, at, None, cause, epoch, max(last, end) + 1))
    return _answer(
        epoch, "finished", _next_epoch(log, epoch), first, count, data, losses
    )


def _losses(log, ask, epoch, low, high, before, until):
    """Rows for the positions from `low` to before `high`, which the log does not give."""
    held = next((s.first for s in log.segments if s.epoch == epoch), low)
    held = min(max(held, low), high)
    parts = []
    if not ask.is_joining:
        done_epoch, done = log.commits.get(ask.archive, (0, 0))
        committed = high if done_epoch > epoch else done + 1 if done_epoch == epoch else low
        committed = min(max(committed, low), held)
        known_epoch, known = log._known_from.get(ask.archive, (0, 0))
        forgotten = held if known_epoch > epoch else known if known_epoch == epoch else low
        forgotten = min(max(forgotten, committed), held)
        parts = [
            (low, committed, "no longer in the log: this archive had committed it"),
            (committed, forgotten, "no longer in the log: it had forgotten this archive"),
            (forgotten, held, "spool full"),
        ]
    parts.append((held, high, "damage in the spool"))
    return [
        _row(log, start, until, end - begin, cause, epoch, begin)
        for begin, end, cause in parts if begin < end
        for start in [min(before or _announced_from(log, epoch, begin, end) or until, until)]
    ]


def _announced_from(log, epoch, begin, end):
    """When the first of some records was published, where a loss record tells it."""
    starts = [
        body[3] for segment in log.segments for _, body in segment.losses
        if body[0] == epoch and body[1] < end and body[1] + body[2] > begin
    ]
    return min(starts, default=None)


def _row(log, start, end, count, cause, epoch, first):
    return {
        "kind": "missing", "instance": log.instance, "feed": None, "from": start, "to": end,
        "count": count, "cause": cause, "epoch": epoch, "first": first,
    }


def _gone(log, ask, epoch):
    following = _next_epoch(log, epoch) or log.epoch
    losses = []
    was_known = ask.archive in log.commits and log._known_from.get(ask.archive, (0, 0))[0] <= epoch
    if not was_known and not ask.is_joining and not _is_foreign(log, epoch):
        cause = "no longer in the log: it had forgotten this archive"
        losses = [_row(log, epoch, following, None, cause, epoch, ask.after + 1)]
    return _answer(epoch, "gone", following, losses=losses)


def _diverged(log, ask, epoch):
    """What the archive has is not what the log has: the epoch is over."""
    if epoch == log.epoch:
        log.restart_epoch()
    if epoch <= log.epoch:
        following = _next_epoch(log, epoch)
    else:
        # All that is here is older: those that it has not said to have.
        following = _next_epoch(log, log.commits.get(ask.archive, (0, 0))[0])
    return _answer(epoch, "diverged", following or log.epoch)
