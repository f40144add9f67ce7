"""A site as a whole: who lives, what is archived, what comes in now."""

from . import data, limits, operations, samples
from .blocking import BlockingDriver
from .client import CerroClient, connection


class SiteShape:
    """What the blocking and the asyncio site share."""

    #: What carries the flows out, and the class of clients.
    _DRIVER, _CLIENT = None, None

    def __init__(
        self, site=None, *, registry=None, keys=None, name=None, reader=None,
        timeout=limits.PATIENCE,
    ):
        self._flows, held = connection(registry, site, keys, name, timeout)
        self._driver = self._DRIVER(held)
        self._reader = reader
        self._again = {"site": site, "registry": registry, "keys": keys, "name": name}

    def __repr__(self):
        return f"<{type(self).__name__} at {self._flows.registry}>"

    def _query(self, action, arguments, timeout):
        reader = yield from self._flows.class_of(self._reader, "Reader")
        arguments = {
            key: operations.plain(data.time_of(value))
            for key, value in arguments.items() if value is not None
        }
        return (yield from self._flows.result(reader, action, arguments, timeout))

    def _get_data(self, arguments, timeout):
        return data.answer((yield from self._query("get_data", arguments, timeout)))

    def client(self, instance, **more):
        """A client of one instance."""
        return self._CLIENT(instance, **{**self._again, **more})

    def instances(self):
        """The registry's table: a map for each instance, by its name."""
        return self._driver.run(self._flows.table())

    def request(self, instance, action, timeout=None, **arguments):
        """The result of any action of any instance; typed errors."""
        return self._driver.run(self._flows.result(instance, action, arguments, timeout))

    def get_fields(self, match="*", start=None, end=None, *, timeout=60.0):
        """All fields with samples in a range: `{"fields": {…}, "timelines": {…}}`.

        :param match: names and patterns with `*`; an instance stands for all its fields.
        :param start: where the range begins (see :func:`cerro.data.time_of`), else everything.
        :param end: where it ends, else now.
        """
        names = _names(match)
        names += [f"{name}.*" for name in names if "*" not in name and name.count(".") < 2]
        arguments = {"match": names, "start": start, "end": end}
        return self._driver.run(self._query("get_fields", arguments, timeout))

    def get_data(
        self, fields, start, end=0, *, max_points=None, min_stride=None, timeout=60.0
    ):
        """Samples of fields in the range from `start` to before `end`, as numpy arrays.

        :param fields: a full name, an instance or `instance.feed` for all its fields, a pattern
            with `*`, or several.
        :param start, end: times, see :func:`cerro.data.time_of`: `-3600`, `"2026-11-21T05:00Z"`,
            a datetime, nanoseconds; 0 is now.
        :param max_points: at most so many buckets, with count, min, max and mean.
        :param min_stride: seconds; of all samples, each next one that is at least so long after
            the one before.
        :returns: a :class:`cerro.data.Data`; a field that nobody knows is empty in it.
        :raises cerro.QueryLimit: the answer would be longer than is allowed.
        """
        arguments = {
            "fields": _names(fields), "start": start, "end": end, "max_points": max_points,
            "min_stride": min_stride,
        }
        return self._driver.run(self._get_data(arguments, timeout))

    def gaps(self, match="*", start=None, end=None, *, kind=None, timeout=60.0):
        """What is missing, and why: rows of the ledger under `gaps` and `marks`."""
        arguments = {"match": _names(match), "start": start, "end": end, "kind": kind}
        return self._driver.run(self._query("gaps", arguments, timeout))

    def live(self, patterns="*", *, timeout=None):
        """Iterates over samples as they are published, as `(field, time, value)`.

        For eyes: one may be missed, and none is repaired; `get_data` has all that is archived.

        :param patterns: full names, instances, `instance.feed`, or patterns with `*`.
        :param timeout: ends when no sample has come for so many seconds; None: never.
        """
        return self._driver.iterate(samples.follow(self._flows, patterns, timeout))


def _names(names):
    return [names] if isinstance(names, str) else list(names)


class Site(SiteShape):
    """A site: `Site().get_data("cryo-1.temperatures.*", -3600)`.

    :param site, registry, keys, name, timeout: as of :class:`cerro.CerroClient`.
    :param reader: the instance that answers queries; else the first reader that is alive.
    """

    _DRIVER, _CLIENT = BlockingDriver, CerroClient

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connections."""
        self._driver.close()


def get_fields(match="*", start=None, end=None, **more):
    """:meth:`Site.get_fields` of the site that $CERRO_SITE or the usual places name."""
    with Site() as found:
        return found.get_fields(match, start, end, **more)


def get_data(fields, start, end=0, **more):
    """:meth:`Site.get_data` of the site that $CERRO_SITE or the usual places name."""
    with Site() as found:
        return found.get_data(fields, start, end, **more)


def live(patterns="*", **more):
    """:meth:`Site.live` of the site that $CERRO_SITE or the usual places name."""
    with Site() as found:
        yield from found.live(patterns, **more)
