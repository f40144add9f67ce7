"""Prints all that a sealed file holds, bit by bit, for a comparison with another reader.

A line for each thing: doubles as the 16 digits of their bits, texts as those of their UTF-8, `-`
where a value is missing. Also of an archive's folder and a timeline: its rows.
"""

import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro.archive import ArchiveFolder, SealedFile  # noqa: E402


def bits(value):
    """A double."""
    return struct.pack(">d", value).hex()


def text(value):
    """A text, with a mark so that an empty one is seen."""
    return "'" + value.encode().hex()


FORMS = {"double": bits, "int": str, "bool": lambda v: "true" if v else "false", "string": text}


def column(name, kind, found):
    """The line of a column."""
    flags = [True] * len(found) if found.present is None else found.present.tolist()
    form = FORMS[kind]
    cells = [form(v) if there else "-" for v, there in zip(found.values.tolist(), flags)]
    print(" ".join([name, kind, *cells]))


def rows(feed, found):
    """The lines of some rows."""
    print(" ".join(["times", *map(str, found.times.tolist())]))
    for field in feed.fields:
        column(field.name, field.type, found.columns[field.name])


def dump_file(path):
    """A sealed file."""
    file = SealedFile(path)
    print("file", file.version, file.id, file.archive, file.created, *file.received)
    print(" ".join(["sources", *file.sources]))
    if file.instances:
        print(" ".join(["instances", *file.instances]))
    for name, cursors in (("before", file.cursors_before), ("cursor", file.cursors)):
        for instance, epoch, position, crc, is_finished in cursors:
            print(name, instance, epoch, position, crc, FORMS["bool"](is_finished))
    for row in file.ledger:
        count = "-" if row["count"] is None else row["count"]
        feed = text(row["feed"]) if row["feed"] is not None else "-"
        print("ledger", row["instance"], feed, row["from"], row["to"], count, text(row["cause"]))
    for record in file.unreadable:
        payload = file.payload(record).hex()
        print("unreadable", record["instance"], record["epoch"], record["position"], payload)
    for instance, epoch, revision, frame in file.declarations:
        print("declaration", instance, epoch, revision, frame.hex())
    for timeline in file.timelines:
        dump_head("timeline", timeline)
        rows(timeline.feed, timeline.read())
        dump_groups(timeline)
    for timeline in file.reduced:
        dump_head("reduced", timeline)
        dump_groups(timeline)


def dump_head(word, timeline):
    """Whose samples they are or were, and how they are declared."""
    feed = timeline.feed
    print(word, timeline.instance, feed.name, text(feed.description), *timeline.epochs)
    for field in feed.fields:
        unit = text(field.unit) if field.unit is not None else "-"
        limits = " ".join(bits(v) for v in field.limits) if field.limits else "-"
        print("field", field.name, field.type, unit, text(field.description), limits)


def dump_groups(timeline):
    """The groups of a timeline without their rows: statistics and roll-ups."""
    for group in timeline.groups:
        print("group", group.rows, group.first, group.last, *group.delays)
        for s in group.statistics:
            print("statistics", s.count, s.nans, bits(s.min), bits(s.max), bits(s.sum))
    for tier in ("minute", "hour"):
        for field in timeline.feed.fields:
            for rollup in timeline.rollups(field.name, tier):
                lists = [rollup.starts, rollup.counts, rollup.nans]
                cells = [str(v) for part in lists for v in part.tolist()]
                for part in (rollup.min, rollup.max, rollup.sum):
                    cells += [bits(v) for v in part.tolist()]
                print(" ".join(["rollup", tier, field.name, *cells]))


def dump_folder(path, name):
    """All rows of a timeline of an archive."""
    folder = ArchiveFolder(path)
    feeds = {feed for feed, _ in folder.pieces(name)}
    for feed in feeds:
        rows(feed, folder.read(name))
    for damage in folder.damage:
        print("damage", damage)


if __name__ == "__main__":
    dump_file(sys.argv[1]) if len(sys.argv) == 2 else dump_folder(*sys.argv[1:])
