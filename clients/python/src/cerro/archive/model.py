"""What files say about fields, rows and buckets."""

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from .columns import Column

TYPES = ("double", "int", "bool", "string")


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
                    part["name"], part["type"], part.get("unit"), part.get("description", ""),
                    tuple(limits) if limits else None,
                )
            )
            if fields[-1].type not in TYPES:
                raise ValueError(f"a field of type {fields[-1].type!r}")
        return Feed(
            value["feed"], tuple(fields), value.get("description", ""), value.get("period_ns"),
            value.get("lateness_ns", 0), value.get("durable", False),
        )


@dataclass(frozen=True)
class Statistics:
    """What the values of a chunk amount to; without any number, min and max are NaN."""

    count: int
    nans: int
    min: float
    max: float
    sum: float


@dataclass
class Rollup:
    """The statistics of one field in the buckets of one group: arrays of n entries."""

    tier: str
    starts: np.ndarray
    counts: np.ndarray
    nans: np.ndarray
    min: np.ndarray
    max: np.ndarray
    sum: np.ndarray


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
