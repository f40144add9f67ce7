"""A reader of the files of an archive, independent of Cerro's own.

It is written from the page ``FileFormat.md`` alone and shares no line with the program that
writes them: where both read the same, the page says enough. All values come as numpy arrays, times
as int64 nanoseconds since 1970-01-01T00:00:00 UTC.
"""

from ..checksum import crc32c
from ..model import Feed, Field, Rollup, Rows, Statistics
from .columns import Column
from .errors import Damage, FormatError
from .folder import ArchiveFolder
from .journal import Journal
from .sealed import SealedFile
from .timelines import ReducedTimeline, Timeline

__all__ = [
    "ArchiveFolder", "Column", "Damage", "Feed", "Field", "FormatError", "Journal",
    "ReducedTimeline", "Rollup", "Rows", "SealedFile", "Statistics", "Timeline", "crc32c",
]
