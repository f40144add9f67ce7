"""Segments of journals."""

from dataclasses import dataclass

from ..model import Feed, Rows
from ..records import DATA, DECLARATION, Frame, block_rows, frames
from .errors import Damage, FormatError


@dataclass(frozen=True)
class Record:
    """A record of an agent's log."""

    instance: str
    kind: int
    epoch: int
    position: int
    revision: int
    published: int
    body: object
    received: int = 0
    is_new: bool = True


class Journal:
    """One segment of a journal: its opening, its records, its rows of the ledger.

    Records are as the third rule of the format has them: each once, in order of arrival. `rows()`
    puts those together that have one declaration.
    """

    def __init__(self, path, data=None):
        self.path = str(path)
        self.id = None
        self.archive = None
        self.created = None
        self.ledger = []
        self.records = []
        self.damage = []
        # The last position of each (instance, epoch): those that the opening states, and now.
        self.opened_with = None
        self.positions = {}
        if data is None:
            with open(path, "rb") as file:
                data = file.read()
        for item in frames(data, lengths=(2, 5, 7)):
            if isinstance(item, Frame):
                try:
                    self._take(item)
                except (KeyError, IndexError, TypeError, ValueError) as error:
                    what = f"an entry is none: {error}"
                    self.damage.append(Damage(self.path, item.offset, what, "the entry"))
            else:
                offset, end, what = item
                cost = f"the entries in {end - offset} bytes"
                self.damage.append(Damage(self.path, offset, what, cost))

    def _take(self, frame):
        kind = frame.document[0]
        if kind == 1:
            _, self.archive, self.id, self.created, cursors = frame.document[:5]
            for instance, epoch, position, *_ in cursors:
                key = instance, epoch
                self.positions[key] = max(position, self.positions.get(key, 0))
            if self.opened_with is None:
                self.opened_with = dict(self.positions)
        elif kind == 2:
            self._take_batch(frame)
        elif kind == 3:
            self.ledger.append(frame.document[1])

    def _take_batch(self, frame):
        _, instance, epoch, first, count, received, inside = frame.document[:7]
        for index, item in enumerate(frames(inside)):
            if not isinstance(item, Frame):
                what = f"a record of {instance} is damaged: {item[2]}"
                self.damage.append(Damage(self.path, frame.offset, what, "the record"))
                continue
            position = first + index
            # What earlier segments declared is told again, and is no record of this one.
            is_new = count > 0 and position > self.positions.get((instance, epoch), 0)
            kind, its_epoch, its_position, revision, published, body = item.document[:6]
            self.records.append(
                Record(
                    instance, kind, its_epoch, its_position, revision, published, body, received,
                    is_new,
                )
            )
        if count > 0:
            key = instance, epoch
            self.positions[key] = max(first + count - 1, self.positions.get(key, 0))

    def _block(self, feed, block):
        try:
            return block_rows(feed, block)
        except ValueError as error:
            raise FormatError(self.path, 0, str(error)) from None

    def rows(self, until=None):
        """The rows by `(instance, feed)`: for each, pairs of declaration and :class:`Rows`.

        Rows stand in order of arrival. `until`: the opening of the next segment, beyond which
        nothing was committed.
        """
        declared = {}
        found = {}
        for record in self.records:
            key = record.instance, record.epoch, record.revision
            if record.kind == DECLARATION:
                declared[key] = Feed.parse(record.body)
            if record.kind != DATA or not record.is_new:
                continue
            if until is not None and record.position > until.get(key[:2], 0):
                continue
            if key not in declared:
                self.damage.append(
                    Damage(
                        self.path, 0, f"no declaration {record.revision} of {record.instance}",
                        f"record {record.position}",
                    )
                )
                continue
            feed = declared[key]
            parts = found.setdefault((record.instance, feed.name), [])
            for block in record.body:
                rows = self._block(feed, block)
                if parts and parts[-1][0] == feed:
                    parts[-1][1].append(rows)
                else:
                    parts.append((feed, [rows]))
        return {
            name: [(feed, Rows.joined(feed.fields, pieces)) for feed, pieces in parts]
            for name, parts in found.items()
        }
