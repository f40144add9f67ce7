"""What is published now, for eyes: it may be missed, and is never repaired."""

import re
import time
from typing import NamedTuple

from . import limits
from .errors import CerroError
from .flows import MISMATCHES, Connect, Emit, Receive, Subscribe
from .model import Feed
from .records import DATA, DECLARATION, block_rows
from .wire import WireError, unpacked


class Sample(NamedTuple):
    """One value of a field; `time` in ns since 1970, `value` None where it is missing."""

    field: str
    time: int
    value: object

    @property
    def seconds(self):
        """The time in seconds since 1970."""
        return self.time / 1e9


class Patterns:
    """Full names, and patterns in which `*` stands for any characters; also instances and feeds."""

    def __init__(self, patterns):
        self.patterns = [patterns] if isinstance(patterns, str) else list(patterns) or ["*"]
        # Only `*` means more than itself.
        forms = [re.escape(pattern).replace(r"\*", ".*") for pattern in self.patterns]
        self._fits = re.compile("|".join(rf"(?:{form})(?:\..*)?\Z" for form in forms)).match

    def fits(self, name):
        """Whether a full name is meant."""
        return self._fits(name) is not None

    @property
    def topics(self):
        """The beginnings of all topics that may carry such fields."""
        found = set()
        for pattern in self.patterns:
            instance, _, rest = pattern.partition(".")
            feed, dot, _ = rest.partition(".")
            if "*" in instance:
                found.add(instance[: instance.index("*")])
            elif "*" in feed or not feed:
                found.add(f"{instance}/{feed.partition('*')[0]}")
            else:
                found.add(f"{instance}/{feed}/")
        return tuple(sorted(found))

    def may_be_of(self, instance):
        """Whether an instance may have such fields."""
        firsts = (re.escape(pattern.partition(".")[0]) for pattern in self.patterns)
        return any(re.fullmatch(first.replace(r"\*", ".*"), instance) for first in firsts)


class Decoder:
    """Records of topics as samples, by the declarations of who published them."""

    def __init__(self, patterns):
        self._patterns = patterns
        self._feeds = {}

    def knows(self, topic):
        """Whether the declaration of a topic's feed is known."""
        return topic in self._feeds

    def learn(self, instance, feeds):
        """Takes the declarations that an instance describes."""
        if len(self._feeds) + len(feeds) > limits.LIVE_FEEDS:
            self._feeds = {}
        for value in feeds[: limits.LIVE_FEEDS]:
            feed = Feed.parse(value)
            self._feeds[f"{instance}/{feed.name}/"] = feed

    def forget(self, topic):
        """Has the declaration looked up anew."""
        self._feeds.pop(topic, None)

    def samples(self, topic, payload):
        """The samples of one message; ValueError if it does not fit what is declared."""
        try:
            kind, _, _, _, _, body = unpacked(payload)[:6]
        except (WireError, TypeError) as error:
            raise ValueError(f"no record: {error}") from None
        instance = topic.split("/", 1)[0]
        if kind == DECLARATION:
            self.learn(instance, [body])
        if kind != DATA:
            return []
        feed, found = self._feeds[topic], []
        names = [(field.name, f"{instance}.{feed.name}.{field.name}") for field in feed.fields]
        names = [pair for pair in names if self._patterns.fits(pair[1])]
        for block in body:
            rows = block_rows(feed, block)
            times = rows.times.tolist()
            for short, name in names:
                column = rows.columns[short]
                values = column.values.tolist()
                if column.present is not None:
                    values = [v if p else None for v, p in zip(values, column.present.tolist())]
                found += [Sample(name, at, value) for at, value in zip(times, values)]
        return found


def follow(flows, patterns, timeout=None):
    """The flow that emits samples as they come; ends when none comes for `timeout` seconds."""
    patterns = Patterns(patterns)
    decoder = Decoder(patterns)
    subscription = yield Subscribe(patterns.topics)
    looked, heard = None, time.monotonic()
    while True:
        now = time.monotonic()
        if looked is None or now - looked > limits.TABLE_AGE:
            try:
                table = yield from flows.table()
            except CerroError:
                if looked is None:
                    raise
            else:
                yield Connect(subscription, {
                    row["publisher"]: row.get("key") for name, row in table.items()
                    if row.get("state") == "alive" and row.get("publisher")
                    and patterns.may_be_of(name)
                })
            looked = now
        if timeout is not None and now - heard > timeout:
            return
        message = yield Receive(subscription, 0.25 if timeout is None else min(0.25, timeout))
        if message is None:
            continue
        topic, payload = message
        try:
            if not decoder.knows(topic):
                instance = topic.split("/", 1)[0]
                decoder.learn(instance, (yield from flows.describe(instance)).get("feeds") or [])
            samples = decoder.samples(topic, payload)
        except CerroError:
            continue
        except MISMATCHES:
            # No record, or not of the declaration that is known.
            decoder.forget(topic)
            continue
        for sample in samples:
            heard = time.monotonic()
            yield Emit(sample)
