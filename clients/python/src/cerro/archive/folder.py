"""The files of an archive as one."""

from pathlib import Path

import numpy as np

from ..model import Rollup, Rows
from .errors import Damage, FormatError
from .journal import Journal
from .sealed import SealedFile

_DAYS = "????/??/??"
# Of the id of a sealed file; those of segments are shorter.
_FILE_ID_LENGTH = 32


def _id(path):
    """The id of the segment at `path`."""
    return path.stem.split("-", 1)[1]


def _positions(cursors):
    """How far an archive had come, by instance and epoch."""
    found = {}
    for instance, epoch, position, *_ in cursors:
        found[instance, epoch] = max(position, found.get((instance, epoch), 0))
    return found


class ArchiveFolder:
    """All files of an archive: rows that are sealed and rows that are not yet, each once."""

    def __init__(self, path):
        self.path = Path(path)
        self.damage = []
        self.sealed = [f for f in self._open("*.cerro", SealedFile) if f is not None]
        self._leave_out_replaced()
        # A repaired or compacted file lists those that it was made from.
        made = {source for file in self.sealed for source in file.sources}
        self.sealed = [file for file in self.sealed if file.id not in made]
        self.sealed.sort(key=lambda file: (file.received[0], file.path))
        journals = self._open("*.journal", Journal, lambda path: _id(path) not in made)
        self.journals = [journal for journal in journals if journal is not None]
        for file in self.sealed + self.journals:
            self.damage += file.damage

    def _leave_out_replaced(self):
        """Leaves out files of which something is lost where all that they were made from is there.

        Else they count as whole ones do: what is left of them is in no other file.
        """
        there = {_id(path) for path in self.path.glob(f"{_DAYS}/*.journal")}
        for file in self.sealed:
            if not file.lost:
                there.update([file.id, *file.sources])
        counted = []
        for file in self.sealed:
            # Files that it was made from have what these segments have.
            segments = [source for source in file.sources if len(source) != _FILE_ID_LENGTH]
            if not file.lost or not segments or not there.issuperset(segments):
                counted.append(file)
                continue
            cost = "nothing: what the file was made from is there"
            self.damage += [Damage(d.path, d.offset, d.what, cost) for d in file.damage]
        self.sealed = counted

    def _open(self, pattern, kind, is_wanted=lambda path: True):
        for path in sorted(self.path.glob(f"{_DAYS}/{pattern}")):
            if not is_wanted(path):
                continue
            try:
                yield kind(path)
            except FormatError as error:
                self.damage.append(Damage(error.path, error.offset, error.what, "the file"))

    def pieces(self, name):
        """The rows of `instance.feed`, as pairs of a declaration and rows, in order of arrival."""
        found = []
        for file in self.sealed:
            for timeline in file.timeline(name):
                rows = timeline.read()
                self.damage += rows.damage
                found.append((timeline.feed, rows))
        instance, feed = name.rsplit(".", 1)
        for journal, until in zip(self.journals, self._ends()):
            found += journal.rows(until).get((instance, feed), [])
        return found

    def _ends(self):
        """How far each journal counts: by the first file behind it that tells what was before it.

        That is a segment that has its opening, or a sealed file of one.
        """
        openings = [(file.path, True, file.opened_with) for file in self.journals]
        openings += [
            (file.path, False, _positions(file.cursors_before))
            for file in self.sealed if file.cursors
        ]
        openings.sort(key=lambda each: Path(each[0]).with_suffix(""), reverse=True)
        ends = []
        end = None
        for _, is_journal, opened_with in openings:
            if is_journal:
                ends.insert(0, end)
            end = end if opened_with is None else opened_with
        return ends

    @property
    def ledger(self):
        """What is missing or doubtful, and why: the rows of the ledger of all files."""
        return [row for file in self.sealed + self.journals for row in file.ledger]

    def gaps(self, name):
        """The rows of the ledger that say what of `instance.feed` is not there.

        Their `kind` is `missing`, or `retention` where it was removed as the site file says; of
        that :meth:`hours` still knows what it amounted to.
        """
        instance, feed = name.rsplit(".", 1)
        return [
            row for row in self.ledger
            if row["instance"] == instance and row["feed"] in (None, feed)
            and row.get("kind", "missing") != "clock"
        ]

    def hours(self, name, field):
        """What a field of `instance.feed` amounts to in each hour: a :class:`Rollup`.

        Each sample counts once, also where retention has left nothing but such statistics.
        """
        parts, units = [], set()

        def known(feed):
            fields = [each for each in feed.fields if each.name == field]
            units.update(each.unit for each in fields)
            if len(units) > 1 or any(each.type == "string" for each in fields):
                raise ValueError(f"{name}.{field} is text or has several units: no sums of these")
            return bool(fields)

        for file in self.sealed:
            for timeline in file.reduced:
                if timeline.name == name and known(timeline.feed):
                    parts += timeline.rollups(field, "hour", self.damage)
        for feed, rows in self.pieces(name):
            if known(feed):
                parts.append(Rollup.of("hour", rows.times, rows.columns[field]))
        return Rollup.joined("hour", parts)

    def read(self, name):
        """All rows of `instance.feed` in order of time, equal times in order of arrival.

        They have to have one declaration; :meth:`pieces` gives those of several. What is not
        there any more, :meth:`gaps` tells.
        """
        pieces = self.pieces(name)
        feeds = {feed for feed, _ in pieces}
        if len(feeds) != 1:
            raise ValueError(f"{name} has {len(feeds)} declarations; take its pieces")
        rows = Rows.joined(feeds.pop().fields, [rows for _, rows in pieces])
        return rows.taken(np.argsort(rows.times, kind="stable"))
