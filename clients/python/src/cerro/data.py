"""Answers of the reader as numpy arrays: series, buckets, gaps."""

import datetime
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from .errors import Malformed
from .model import Column

_NUMBERS = {"double": "<f8", "int": "<i8", "bool": "u1"}


def time_of(value):
    """A time as the reader takes it: datetimes become nanoseconds, all else stays as it is.

    Above 0 and below 10^17 a number is Unix seconds, from 10^17 on nanoseconds, below 0 seconds
    before now; 0 is 1970 as a start and now as an end; a text is ISO 8601, `now` or like `-90 s`.
    A datetime without a zone is UTC.
    """
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if hasattr(value, "asm8"):  # pandas.Timestamp, to the nanosecond.
        return int(value.value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        since = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    if isinstance(value, datetime.timedelta):
        return -abs(value.total_seconds())
    return value.item() if isinstance(value, np.generic) else value


def column_of(value):
    """A column of an answer: values, and presence where some are missing."""
    kind, data = value.get("type"), value.get("values")
    if kind is None:
        return Column(np.zeros(0))
    if kind == "string":
        texts = np.array([*data["texts"], ""], object)[:-1]
        values = texts[np.frombuffer(data["places"], "<u4")]
    else:
        values = np.frombuffer(data, _NUMBERS[kind])
        values = values.view(bool) if kind == "bool" else values
    flags = value.get("presence")
    if flags is None:
        return Column(values)
    if len(flags) != (len(values) + 7) // 8:
        raise ValueError(f"a presence map of {len(flags)} bytes for {len(values)} values")
    there = np.unpackbits(np.frombuffer(flags, np.uint8), count=len(values), bitorder="little")
    return Column(values, there.astype(bool))


def masked(column):
    """The values as an array; as numpy's masked array where some are missing."""
    if column.present is None:
        return column.values
    return np.ma.array(column.values, mask=~column.present)


@dataclass
class Timeline:
    """The times that fields share: N int64 nanoseconds since 1970, `end` for buckets only.

    Samples before `finalized_until` (ns) will not change while `revision` stays.
    """

    name: str
    t: np.ndarray
    end: Optional[np.ndarray]
    fields: list
    finalized_until: Optional[int]
    revision: int

    @property
    def times(self):
        """The times as numpy's datetime64[ns], in UTC."""
        return self.t.view("datetime64[ns]")


@dataclass
class Series:
    """One field: N times and N values, masked where a value is missing."""

    name: str
    timeline: Optional[Timeline]
    t: np.ndarray
    values: np.ndarray
    unit: Optional[str] = None
    type: Optional[str] = None

    def __len__(self):
        return len(self.values)

    @property
    def times(self):
        """The times as numpy's datetime64[ns], in UTC."""
        return self.t.view("datetime64[ns]")


@dataclass
class Buckets(Series):
    """One field in buckets from `t` to `end`: `values` are the means, with what they stand for.

    Nothing is smoothed away: `min` and `max` are those of all samples. `first` and `last` are
    there where samples were read.
    """

    end: np.ndarray = None
    count: np.ndarray = None
    nans: np.ndarray = None
    min: np.ndarray = None
    max: np.ndarray = None
    first: Optional[np.ndarray] = None
    last: Optional[np.ndarray] = None

    @property
    def mean(self):
        """The means."""
        return self.values


@dataclass
class Data:
    """An answer: `data["cryo-1.temperatures.channel_1"]` is a :class:`Series` or :class:`Buckets`.

    `gaps` are rows of the ledger: what is missing in the range, and why; `marks` those of samples
    whose clock was off. `tier` says where buckets were read, `notes` what else is to be known.
    """

    series: dict
    timelines: dict
    gaps: list = field(default_factory=list)
    marks: list = field(default_factory=list)
    tier: str = "raw"
    notes: list = field(default_factory=list)

    def __getitem__(self, name):
        if name in self.series:
            return self.series[name]
        raise KeyError(f"{name} is not in the answer; there are {', '.join(self.series) or 'none'}")

    def __iter__(self):
        return iter(self.series)

    def __len__(self):
        return len(self.series)

    def __contains__(self, name):
        return name in self.series

    def items(self):
        """Pairs of a field's name and its series."""
        return self.series.items()

    def to_dataframe(self):
        """A pandas table by time (UTC): a column for each field, for buckets one a statistic.

        Rows of one time are joined; where fields have different times, the others are empty.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_dataframe needs pandas: `pip install cerro[pandas]`") from None
        tables = [self._table(pandas, line) for line in self.timelines.values()]
        tables = [table for table in tables if len(table.columns)]
        if not tables:
            return pandas.DataFrame(index=pandas.DatetimeIndex([], tz="UTC", name="time"))
        if len(tables) > 1:
            # Equal times within a timeline are told apart by their number.
            tables = [
                table.set_index(table.groupby(level=0).cumcount(), append=True) for table in tables
            ]
            joined = pandas.concat(tables, axis=1).sort_index()
            return joined.droplevel(1).rename_axis("time")
        return tables[0]

    def _table(self, pandas, line):
        index = pandas.DatetimeIndex(line.times, name="time").tz_localize("UTC")
        columns = {}
        for name in line.fields:
            found = self.series.get(name)
            if found is None or len(found.t) != len(line.t):
                continue
            if not isinstance(found, Buckets):
                columns[name] = _cells(pandas, found.values)
                continue
            for statistic in ("count", "min", "max", "mean", "first", "last"):
                values = getattr(found, statistic)
                if values is not None:
                    columns[f"{name}:{statistic}"] = _cells(pandas, values)
        return pandas.DataFrame(columns, index=index)

    def to_arrow(self):
        """The same as a pyarrow table."""
        try:
            import pyarrow
        except ImportError:
            raise ImportError("to_arrow needs pyarrow: `pip install cerro[arrow]`") from None
        return pyarrow.Table.from_pandas(self.to_dataframe())


def _cells(pandas, values):
    """A column of a table: missing numbers are NaN in doubles, else pandas' own NA."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    mask = np.ma.getmaskarray(values)
    if values.dtype.kind == "f":
        return values.filled(np.nan)
    kind = {"i": "Int64", "b": "boolean"}.get(values.dtype.kind, "string")
    return pandas.array(np.where(mask, None, values.data.astype(object)), dtype=kind)


def answer(value):
    """The :class:`Data` in the result of `get_data`."""
    try:
        return _answer(value)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"the reader answered something that is no answer: {error!r}") from None


def _answer(value):
    timelines, homes = {}, {}
    for name, line in value["timeline"].items():
        end = line.get("end")
        timelines[name] = Timeline(
            name, np.frombuffer(line["t"], "<i8"),
            None if end is None else np.frombuffer(end, "<i8"),
            list(line["fields"]), line.get("finalized_until"), line.get("revision", 0),
        )
        if end is not None and len(end) != len(line["t"]):
            raise ValueError(f"{len(end)} bytes of ends for {len(line['t'])} of starts of {name}")
        units = line.get("units") or [None] * len(line["fields"])
        for field_name, unit in zip(line["fields"], units):
            homes[field_name] = timelines[name], unit
    series = {
        name: _series(name, column, *homes.get(name, (None, None)))
        for name, column in value["data"].items()
    }
    return Data(
        series, timelines, value.get("gaps") or [], value.get("marks") or [],
        value.get("tier") or "raw", value.get("notes") or [],
    )


def _series(name, column, line, unit):
    """One field of an answer; ValueError unless all its columns are as long as its times."""
    is_bucketed = "count" in column
    parts = {key: column_of(part) for key, part in column.items()} if is_bucketed else {}
    whole = parts["mean"] if is_bucketed else column_of(column)
    empty = np.zeros(0, np.int64)
    # A field without samples is empty, whatever the others of its timeline have.
    times = empty if line is None or not len(whole) else line.t
    for part in parts.values() if is_bucketed else [whole]:
        if len(part) != len(times):
            raise ValueError(f"{len(part)} values of {name} for {len(times)} times")
    if not is_bucketed:
        return Series(name, line, times, masked(whole), unit, column.get("type"))
    found = {key: masked(part) for key, part in parts.items()}
    return Buckets(
        name, line, times, found.pop("mean"), unit, column["min"].get("type"),
        end=line.end if len(times) else empty, **found,
    )
