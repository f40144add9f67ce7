"""Timelines of sealed files: the rows that are there, and what retention left of others."""

from dataclasses import dataclass

import numpy as np

from ..model import Feed, Rollup, Rows, Statistics
from .columns import Column
from .errors import Damage, FormatError

MOST_GROUP_ROWS = 65_536


@dataclass(frozen=True)
class Chunk:
    """Where a column stands in the file, and how."""

    offset: int
    length: int
    plain_length: int
    crc: int
    encoding: int

    @staticmethod
    def parse(value):
        """The chunk that the array `value` describes."""
        if not all(type(number) is int for number in value[:5]):
            raise ValueError(f"a chunk that is {value!r:.60}")
        chunk = Chunk(*value[:5])
        if min(chunk.offset, chunk.length, chunk.plain_length) < 0:
            raise ValueError(f"a chunk of {chunk.length} bytes at byte {chunk.offset}")
        return chunk


class ReducedGroup:
    """What rows amounted to that retention removed: their number, statistics and roll-ups."""

    def __init__(self, value, feed):
        self.rows = value["rows"]
        if type(self.rows) is not int or not 0 <= self.rows <= MOST_GROUP_ROWS:
            raise ValueError(f"a group of {self.rows} rows")
        self.first, self.last = value["range"][:2]
        self.delays = tuple(value["delays"][:2])
        self.statistics = [Statistics(*part[:5]) for part in self._statistics(value)]
        self.rollups = value["rollups"]
        if len(self.statistics) != len(feed.fields):
            raise ValueError(f"{len(self.statistics)} columns for {len(feed.fields)} fields")
        for part in self.rollups:
            if len(part["columns"]) != len(feed.fields):
                raise ValueError(f"a roll-up of {len(part['columns'])} columns")

    @staticmethod
    def _statistics(value):
        return value["statistics"]


class Group(ReducedGroup):
    """Consecutive rows of a timeline."""

    def __init__(self, value, feed):
        super().__init__(value, feed)
        self.times = Chunk.parse(value["times"])
        self.chunks = [Chunk.parse(part[0]) for part in value["columns"]]

    @staticmethod
    def _statistics(value):
        return [part[1] for part in value["columns"]]


class ReducedTimeline:
    """What is left of one instance's feed under one declaration, of rows that were removed."""

    _GROUP = ReducedGroup

    def __init__(self, file, value):
        self._file = file
        self.instance = value["instance"]
        self.feed = Feed.parse(value["declaration"])
        self.epochs = list(value["epochs"])
        self.groups = [self._GROUP(part, self.feed) for part in value["groups"]]

    @property
    def name(self):
        """The name of the timeline, `instance.feed`."""
        return f"{self.instance}.{self.feed.name}"

    @property
    def rows(self):
        """How many rows it has, or had."""
        return sum(group.rows for group in self.groups)

    def rollups(self, field, tier, damage=None):
        """The roll-ups of a field by `minute` or `hour`, one for each group that has them.

        A damaged one is left out and noted in the list `damage`; without a list it raises.
        """
        index = [f.name for f in self.feed.fields].index(field)
        found = []
        for group in self.groups:
            for part in group.rollups:
                if part["tier"] != tier or part["columns"][index] is None:
                    continue
                try:
                    found.append(self._rollup(part, part["columns"][index]))
                except FormatError as error:
                    if damage is None:
                        raise
                    cost = f"what {group.rows} rows of {self.name}.{field} amounted to"
                    damage.append(Damage(error.path, error.offset, error.what, cost))
        return found

    def _rollup(self, part, chunks):
        n = part["buckets"]
        if not 0 <= n <= MOST_GROUP_ROWS:
            raise FormatError(self._file.path, 0, f"a roll-up of {n} buckets")

        def read(chunk, kind, count):
            return self._file.column(Chunk.parse(chunk), kind, count).values

        starts = read(part["starts"], "int", n)
        if "rows" not in part:
            counts = read(chunks[0], "int", 2 * n)
            least, most, sums = read(chunks[1], "double", 3 * n).reshape(3, n)
        else:
            least, most, sums = (read(chunk, "double", n) for chunk in chunks[1:4])
            if chunks[0] is None:
                rows = read(part["rows"], "int", n)
                counts = np.concatenate([rows, np.zeros(n, np.int64)])
            else:
                counts = read(chunks[0], "int", 2 * n)
        return Rollup(part["tier"], starts, counts[:n], counts[n:], least, most, sums)


class Timeline(ReducedTimeline):
    """The rows of one instance's feed under one declaration, in order of time."""

    _GROUP = Group

    def read(self, fields=None, start=None, end=None):
        """The rows from `start` until before `end` (nanoseconds) of the fields with these names.

        A damaged chunk costs the values of its field in its group, damaged times the rows of
        their group; both stand in the `damage` of the answer.
        """
        known = {field.name: index for index, field in enumerate(self.feed.fields)}
        wanted = [self.feed.fields[known[n]] for n in (known if fields is None else fields)]
        pieces, damage = [], []
        for group in self.groups:
            if start is not None and group.last < start or end is not None and group.first >= end:
                continue
            try:
                times = self._file.column(group.times, "int", group.rows).values
            except FormatError as error:
                damage.append(
                    Damage(
                        error.path, error.offset, error.what, f"{group.rows} rows of {self.name}"
                    )
                )
                continue
            found = {}
            for field in wanted:
                chunk = group.chunks[known[field.name]]
                try:
                    found[field.name] = self._file.column(chunk, field.type, group.rows)
                except FormatError as error:
                    found[field.name] = Column.missing(field.type, group.rows)
                    cost = f"{group.rows} values of {self.name}.{field.name}"
                    damage.append(Damage(error.path, error.offset, error.what, cost))
            low = 0 if start is None else np.searchsorted(times, start, "left")
            high = len(times) if end is None else np.searchsorted(times, end, "left")
            pieces.append(Rows(times, found).taken(slice(low, high)))
        return Rows.joined(wanted, pieces, damage)
