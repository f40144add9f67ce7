"""The log: appending, syncing, letting go."""

import os
import threading
import time

from .. import limits
from ..records import (
    DATA,
    DECLARATION,
    END,
    HEAD_BYTES,
    LOSS,
    frame_of,
    peek,
    record_payload,
)
from ..wire import packed
from . import tables
from .opening import LogError, boot_id, joined_losses, look_at_last, take_lock
from .segment import Segment, parse
from .tables import Epoch


class AgentLog:
    """An agent's spool: what was appended, in order, until every archive has committed it.

    Appending is for any thread. `feeds` are all feeds of this life of the agent; their revisions
    are 1, 2, 3, … in this order. `on_written(feed name, payload)` is called for each record, in
    order, by whoever appends, and must not block.
    """

    def __init__(
        self, folder, instance, feeds, size=limits.SPOOL_BYTES, on_written=None,
        now=time.time_ns, boot=None,
    ):
        self.folder = os.fspath(folder)
        self.instance = instance
        self.size = size
        self.now = now
        self.segment_bytes = min(limits.SEGMENT_BYTES, max(1, size // limits.FEWEST_SEGMENTS))
        self._feeds = list(feeds)
        self._revisions = {feed.name: number for number, feed in enumerate(self._feeds, 1)}
        self._on_written = on_written
        self.lock = threading.RLock()
        #: Why the disk refuses, None while it does not.
        self.failure = None
        self.dropped = 0
        self.is_closed = False
        self._descriptor = None
        self._doubtful, self._doubtful_bytes = [], 0
        self._boot = boot or boot_id()
        try:
            os.makedirs(self.folder, mode=0o750, exist_ok=True)
            tables.sync_folder(os.path.dirname(os.path.abspath(self.folder)))
            self._lock_file = take_lock(self.folder, instance)
            try:
                self._open()
            except BaseException:
                os.close(self._lock_file)
                raise
        except OSError as error:
            raise LogError(f"the spool {self.folder} cannot be used: {error}") from None
        self._wake, self._closing = threading.Event(), threading.Event()
        self._syncer = threading.Thread(target=self._keep_synced, name="cerro-log", daemon=True)
        self._syncer.start()

    # Opening.

    def _open(self):
        known = {entry.number: entry for entry in tables.read_epochs(self.folder)}
        starts = [entry.number for entry in tables.read_epochs(self.folder, tables.STARTS)]
        self.commits = tables.read_commits(self.folder)
        self._saved_archives = set(self.commits)
        self._known_from = {}
        self._commits_changed = False
        places = sorted(filter(None, map(parse, os.listdir(self.folder))))
        self.segments = [Segment(self.folder, *place) for place in places]
        for number, segment in enumerate(self.segments):
            segment.byte_count = os.path.getsize(segment.path)
            is_last = number + 1 == len(places) or places[number + 1][0] != segment.epoch
            if is_last:
                look_at_last(segment, known, self._boot)
        committed = [epoch for epoch, _ in self.commits.values() if epoch > 0]
        before = {*known, *starts, *committed, *(segment.epoch for segment in self.segments)}
        self.predecessors = sorted(before)[-limits.PREDECESSORS :]
        self.epoch = max(self.now(), max(before, default=0) + 1)
        held = {segment.epoch for segment in self.segments}
        untold = {
            entry.number for entry in known.values()
            if not entry.is_closed and entry.boot != self._boot
            and (not self.commits or any(e <= entry.number for e, _ in self.commits.values()))
        }
        self.epochs = [
            known.get(number, Epoch(number, "unread")) for number in sorted(held | untold)
        ]
        self._starts = self.predecessors
        self._begin_epoch()

    def _begin_epoch(self):
        """The number is on the disk before anybody hears of it."""
        self.next = 1
        self.epochs.append(Epoch(self.epoch, self._boot))
        self._starts = [*self._starts, self.epoch][-limits.PREDECESSORS :]
        lines = [Epoch(number, self._boot).line for number in self._starts]
        tables.write(self.folder, tables.STARTS, lines)
        self._save_epochs()
        self._begin_segment()

    def _save_epochs(self):
        tables.write(self.folder, tables.EPOCHS, [entry.line for entry in self.epochs])

    # Appending.

    def append(self, feed, body):
        """Appends a data record of a declared feed; returns its position once it is written.

        `body` is what :func:`cerro.records.block_body` makes. A feed that is `durable` is synced,
        too. Raises :class:`LogError` where the disk refuses: then the record is not kept.
        """
        revision = self._revisions[feed.name]
        with self.lock:
            position = self._append(DATA, revision, body, feed.name)
            target = self._doubtful_bytes
        if feed.durable or target >= limits.UNSYNCED_BYTES:
            self.sync()
        else:
            self._wake.set()
        return position

    def _append(self, kind, revision, body, feed=None):
        if self.is_closed:
            raise LogError("the log is closed")
        if self.failure is not None:
            self._recover()
        if self.segments[-1].byte_count >= self.segment_bytes:
            self._guarded(self._begin_segment)
        self._make_room()
        position = self.next
        payload, _ = self._write(kind, revision, body)
        if self._on_written is not None and feed is not None:
            self._on_written(feed, payload)
        return position

    def _write(self, kind, revision, body):
        now = self.now()
        payload = record_payload(kind, self.epoch, self.next, revision, now, body)
        if len(payload) > limits.RECORD_BYTES:
            raise LogError(
                f"a record of {len(payload)} bytes; {limits.RECORD_BYTES} are possible: publish "
                "fewer rows at a time"
            )
        frame = frame_of(payload)
        self._guarded(tables.write_all, self._descriptor, frame)
        self._note(frame, self.next, now)
        self._doubtful.append((self.next, now, frame))
        self._doubtful_bytes += len(frame)
        self.next += 1
        return payload, frame

    def _note(self, frame, position, now):
        segment = self.segments[-1]
        segment.note(position, segment.end + len(frame), now)
        segment.byte_count += len(frame)

    def _guarded(self, act, *arguments):
        """Writes; behind a failure nothing is appended to the same file."""
        try:
            act(*arguments)
        except OSError as error:
            self.failure = str(error)
            raise LogError(
                f"the spool {self.folder} cannot be written: {error}; the record is not kept. Make "
                "room or mend the disk"
            ) from None

    def _recover(self):
        """Goes on in a new file behind a failure, with what a failed sync left in doubt."""
        self._guarded(self._begin_segment, self._doubtful)
        self.failure = None

    def _begin_segment(self, again=()):
        """A new file; what precedes it is synced first.

        With `again`, records whose sync failed are written once more under their positions.
        """
        if self._descriptor is not None:
            if self.failure is None:
                self._synced()
            os.close(self._descriptor)
            self._descriptor = None
        first = again[0][0] if again else self.next
        segment = Segment(self.folder, self.epoch, first, is_own=True)
        # What it may stand in for stays until all of it is there.
        path = segment.path + ".new" if again else segment.path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o640)
        if again:
            kind, _, _, revision, _ = peek(again[0][2], HEAD_BYTES)
            segment.begins_with_declarations = (kind, revision) == (DECLARATION, 1)
            tables.write_all(self._descriptor, b"".join(frame for _, _, frame in again))
            os.rename(path, segment.path)
            self.segments = [old for old in self.segments if old.path != segment.path]
        self.segments.append(segment)
        for position, now, frame in again:
            self._note(frame, position, now)
        self._synced()
        tables.sync_folder(self.folder)
        self.failure = None
        if not again:
            for number, feed in enumerate(self._feeds, 1):
                self._write(DECLARATION, number, packed(feed.value()))

    def _synced(self):
        os.fsync(self._descriptor)
        self._doubtful, self._doubtful_bytes = [], 0

    # Syncing.

    def sync(self):
        """Returns once everything that was appended is on the disk.

        Who appends meanwhile waits: nothing is committed that a failed sync left in doubt.
        """
        with self.lock:
            if not self._doubtful or self._descriptor is None:
                return
            if self.failure is None:
                try:
                    self._synced()
                    return
                except OSError as error:
                    self.failure = str(error)
            self._recover()

    def _keep_synced(self):
        """Syncs each second if something was written, and saves commits now and then."""
        saved = time.monotonic()
        while True:
            self._wake.wait(limits.SAVE_INTERVAL)
            if self.is_closed:
                return
            self._wake.clear()
            try:
                self.sync()
                if self._commits_changed and time.monotonic() - saved >= limits.SAVE_INTERVAL:
                    saved = time.monotonic()
                    self.save_commits()
            except (LogError, OSError):
                # The next append says so; here it is tried again.
                pass
            # Until the next second is over; a close ends it at once.
            if self._closing.wait(limits.SYNC_INTERVAL):
                return

    # Letting go.

    def limit(self, place):
        """The position that the segment at `place` does not reach."""
        if place + 1 < len(self.segments):
            following = self.segments[place + 1]
            if following.epoch == self.segments[place].epoch:
                return following.first
        return 2**62

    def free_committed(self):
        """Lets segments go that every archive has committed."""
        with self.lock:
            if not self.commits:
                return
            count = 0
            while count + 1 < len(self.segments):
                segment = self.segments[count]
                last = min(self.limit(count), 2**62) - 1
                if last == 2**62 - 1:
                    segment.index()
                    last = segment.next - 1
                if not all(done >= (segment.epoch, last) for done in self.commits.values()):
                    break
                count += 1
            while count > 0 and self._is_continuation(count):
                count -= 1
            if count:
                self._remove(count)

    def _is_continuation(self, place):
        return (
            0 < place < len(self.segments)
            and self.segments[place].epoch == self.segments[place - 1].epoch
            and not self.segments[place].begins_with_declarations
        )

    def _make_room(self):
        """Drops the oldest segment of a full spool, after a record of what goes."""
        if sum(segment.byte_count for segment in self.segments) <= self.size:
            return
        count = 1
        while self._is_continuation(count):
            count += 1
        if count >= len(self.segments):
            return
        losses = []
        for place in range(count):
            segment, end = self.segments[place], self.limit(place)
            segment.index()
            end = min(end, segment.next)
            if end > segment.first and segment.published:
                losses.append([
                    segment.epoch, segment.first, end - segment.first, *segment.published,
                    "spool full",
                ])
            # What was only told in a segment that goes is told once more.
            losses += [body for position, body in segment.losses if position < end]
        for body in joined_losses(losses):
            position = self.next
            self._write(LOSS, 0, packed(body))
            self.segments[-1].losses.append((position, body))
        self.dropped += sum(body[2] for body in losses[:1])
        self._guarded(self._synced)
        self._remove(count)

    def _remove(self, count):
        gone, self.segments = self.segments[:count], self.segments[count:]
        for segment in gone:
            os.unlink(segment.path)
        held = {segment.epoch for segment in self.segments} | {self.epoch}
        if any(entry.number not in held for entry in self.epochs):
            self.epochs = [
                entry for entry in self.epochs
                if entry.number in held or not entry.is_closed and entry.boot != self._boot
            ]
            self._save_epochs()

    def save_commits(self):
        """Saves how far each archive has committed."""
        with self.lock:
            commits = dict(self.commits)
            self._commits_changed = False
            tables.write_commits(self.folder, commits)
            self._saved_archives = set(commits)

    def forget(self, archive):
        """Forgets an archive that will never come back; whether it was known."""
        with self.lock:
            is_known = self.commits.pop(archive, None) is not None
            self._known_from.pop(archive, None)
            if is_known:
                self.save_commits()
        self.free_committed()
        return is_known

    def restart_epoch(self):
        """Ends the epoch, as an archive has other records of it, and begins another one."""
        with self.lock:
            self.epoch = max(self.now(), self.epoch + 1)
            self._begin_epoch()

    def close(self):
        """Ends the epoch in order: the end record, a sync, and the note that it is closed."""
        with self.lock:
            if self.is_closed:
                return
            try:
                self._append(END, 0, packed(None))
                self._synced()
                self.epochs[-1] = self.epochs[-1]._replace(is_closed=True, last=self.newest)
                self._save_epochs()
                tables.write_commits(self.folder, self.commits)
            except OSError as error:
                raise LogError(f"the spool {self.folder} was not closed well: {error}") from None
            finally:
                self.is_closed = True
                self._closing.set()
                self._wake.set()
                if self._descriptor is not None:
                    os.close(self._descriptor)
                    self._descriptor = None
                os.close(self._lock_file)
        self._syncer.join()

    @property
    def fraction(self):
        """How full the spool is, from 0 on."""
        with self.lock:
            return sum(segment.byte_count for segment in self.segments) / self.size

    @property
    def newest(self):
        """The position of the newest record; 0 before the first one."""
        return self.next - 1
