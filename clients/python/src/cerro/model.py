"""Fields, feeds, columns and rows: the words for what is measured, in files and on the wire."""

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

TYPES = ("double", "int", "bool", "string")
#: How the values of a type stand in memory; on the wire and on disk a bool is one byte.
NUMBERS = {"double": np.dtype("<f8"), "int": np.dtype("<i8"), "bool": np.dtype("bool")}


@dataclass
class Column:
    """The values of one field: N values and, where some are missing, N truth values.

    `values` is float64, int64, bool, or an array of `str` objects. Where `present` is false, the
    value means nothing; `present` is None where all values are there.
    """

    values: np.ndarray
    present: Optional[np.ndarray] = None

    def __len__(self):
        return len(self.values)

    @staticmethod
    def missing(kind, rows):
        """A column of which nothing is there."""
        return Column(empty(kind, rows), np.zeros(rows, bool))

    @staticmethod
    def joined(kind, columns):
        """The rows of columns of one type, one behind the other."""
        values = np.concatenate([c.values for c in columns] or [empty(kind, 0)])
        if all(c.present is None for c in columns):
            return Column(values)
        flags = [np.ones(len(c), bool) if c.present is None else c.present for c in columns]
        return Column(values, np.concatenate(flags))

    def taken(self, rows):
        """The rows that `rows` selects: a slice, places or truth values."""
        return Column(self.values[rows], None if self.present is None else self.present[rows])


def empty(kind, rows):
    if kind == "string":
        return np.full(rows, "", object)
    return np.zeros(rows, NUMBERS[kind])


@dataclass(frozen=True)
class Field:
    """One quantity of a feed, as declared."""

    name: str
    type: str
    unit: Optional[str] = None
    description: str = ""
    limits: Optional[tuple] = None


@dataclass(frozen=True)
class Feed:
    """Co-sampled fields, as declared; durations in nanoseconds."""

    name: str
    fields: tuple
    description: str = ""
    period_ns: Optional[int] = None
    lateness_ns: int = 0
    durable: bool = False

    @staticmethod
    def parse(value):
        """The feed in the map `value`."""
        fields = []
        for part in value["fields"]:
            limits = part.get("limits")
            fields.append(
                Field(
                    part["name"], part["type"], part.get("unit"), part.get("description") or "",
                    tuple(limits) if limits else None,
                )
            )
            if fields[-1].type not in TYPES:
                raise ValueError(f"a field of type {fields[-1].type!r}")
        return Feed(
            value["feed"], tuple(fields), value.get("description", ""), value.get("period_ns"),
            value.get("lateness_ns", 0), value.get("durable", False),
        )

    def value(self):
        """The map that describes the feed, in records and in `describe`."""
        return {
            "feed": self.name, "description": self.description, "period_ns": self.period_ns,
            "lateness_ns": self.lateness_ns, "durable": self.durable,
            "fields": [
                {
                    "name": part.name, "type": part.type, "unit": part.unit,
                    "description": part.description,
                    "limits": [float(bound) for bound in part.limits] if part.limits else None,
                }
                for part in self.fields
            ],
        }


@dataclass(frozen=True)
class Statistics:
    """What the values of a chunk amount to; without any number, min and max are NaN."""

    count: int
    nans: int
    min: float
    max: float
    sum: float


#: How long the buckets of roll-ups are, in nanoseconds.
TIERS = {"minute": 60 * 10**9, "hour": 3_600 * 10**9}


@dataclass
class Rollup:
    """The statistics of one field in buckets that begin at `starts`: arrays of n entries.

    `counts` are of numbers, `nans` of what is none. Where there is no number, `min` and `max` are
    NaN and `sum` is 0.
    """

    tier: str
    starts: np.ndarray
    counts: np.ndarray
    nans: np.ndarray
    min: np.ndarray
    max: np.ndarray
    sum: np.ndarray

    def __len__(self):
        return len(self.starts)

    @property
    def mean(self):
        """The means of the numbers."""
        counts = np.where(self.counts == 0, np.nan, self.counts)
        return self.sum / counts

    @staticmethod
    def of(tier, times, column):
        """What samples amount to; a missing value is none, and `bool` counts as 0 and 1."""
        if column.present is not None:
            times, column = times[column.present], column.taken(column.present)
        values = column.values.astype(np.float64)
        nans = np.isnan(values)
        starts = times // TIERS[tier] * TIERS[tier]
        each = Rollup(
            tier, starts, np.where(nans, 0, 1), np.where(nans, 1, 0), values, values,
            np.where(nans, 0.0, values),
        )
        return Rollup.joined(tier, [each])

    @staticmethod
    def joined(tier, parts):
        """The sums of what several say of the same buckets, in order of time."""
        starts = np.concatenate([part.starts for part in parts] or [np.zeros(0, np.int64)])
        starts, places = np.unique(starts, return_inverse=True)
        counts, nans = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
        least, most = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
        sums = np.zeros(len(starts))
        for add, into, name in (
            (np.add, counts, "counts"), (np.add, nans, "nans"), (np.fmin, least, "min"),
            (np.fmax, most, "max"), (np.add, sums, "sum"),
        ):
            if parts:
                add.at(into, places, np.concatenate([getattr(part, name) for part in parts]))
        return Rollup(tier, starts, counts, nans, least, most, sums)


@dataclass
class Rows:
    """Rows of one timeline: N times, and a column of N values for each field by its name."""

    times: np.ndarray
    columns: dict
    damage: list = field(default_factory=list)

    def __len__(self):
        return len(self.times)

    @staticmethod
    def joined(fields, pieces, damage=()):
        """The rows of pieces that have the same fields, one behind the other."""
        times = np.concatenate([p.times for p in pieces] or [np.zeros(0, np.int64)])
        columns = {
            f.name: Column.joined(f.type, [p.columns[f.name] for p in pieces]) for f in fields
        }
        return Rows(times, columns, list(damage))

    def taken(self, rows):
        """The rows that `rows` selects."""
        columns = {name: column.taken(rows) for name, column in self.columns.items()}
        return Rows(self.times[rows], columns, self.damage)
