"""What is wrong with a file, and where."""

from dataclasses import dataclass


class FormatError(ValueError):
    """Some bytes are not what the format says: which file, where, and what was found there."""

    def __init__(self, path, offset, what):
        super().__init__(f"{path}: at byte {offset}: {what}")
        self.path = path
        self.offset = offset
        self.what = what


@dataclass(frozen=True)
class Damage:
    """A place of a file that cannot be read, and what that costs: the rest of the file is good."""

    path: str
    offset: int
    what: str
    cost: str

    def __str__(self):
        return f"{self.path}: at byte {self.offset}: {self.what}; {self.cost}"
