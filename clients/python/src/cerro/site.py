"""Where the registry of a site is, and its keys: the little that a client needs of a site file.

Only the top-level keys `registry`, `keys` and `spool` are read, each a word, a map in braces on
its line, or an indented map of words; whatever else stands in the file is not looked at. So no
YAML library is needed; a form that is not understood is an error that says so.
"""

import os
import re
from typing import NamedTuple, Optional

from . import limits
from .errors import SiteError

USUAL = ("site-config/default.yaml", "/etc/cerro/site.yaml")
_NAME = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_PAIR = re.compile(r"""\s*([\w-]+)\s*:\s*("[^"]*"|'[^']*'|[^,{}\[\]"']*?)\s*(?:,|$)""")


class Site(NamedTuple):
    """What a site file says: the registry's endpoint, the folders of keys and spools, its name.

    `spool_size` is the word of the file, such as `1 GiB`.
    """

    registry: str
    keys: Optional[str] = None
    spool: Optional[str] = None
    spool_size: Optional[str] = None
    name: str = ""


def find(file=None, environment=None):
    """The path of the site file: `file`, else $CERRO_SITE, else the usual places."""
    environment = os.environ if environment is None else environment
    if file:
        return os.fspath(file)
    if environment.get("CERRO_SITE"):
        return environment["CERRO_SITE"]
    for path in USUAL:
        if os.path.exists(path):
            return path
    raise SiteError(
        f"no site file: {' and '.join(USUAL)} do not exist. Give site=…, registry="
        '"tcp://HOST:PORT", or set $CERRO_SITE'
    )


def load(file=None, environment=None):
    """The :class:`Site` of the file that :func:`find` finds."""
    path = find(file, environment)
    try:
        with open(path, encoding="utf-8") as source:
            text = source.read(limits.SITE_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"{path} cannot be read: {error}") from None
    if len(text) > limits.SITE_FILE:
        raise SiteError(f"{path} has more than {limits.SITE_FILE} characters: that is no site file")
    return parse(text, path, environment)


def parse(text, path="site.yaml", environment=None):
    """The :class:`Site` that a site file's text describes; `path` is where relative ones start."""
    reader = _Reader(text, path, os.environ if environment is None else environment)
    folder = os.path.dirname(os.path.abspath(path))
    registry, spool = reader.map("registry"), reader.map("spool")
    host, port = registry.get("address") or "127.0.0.1", registry.get("port") or "5560"
    if not port.isdigit() or int(port) > 65535:
        raise SiteError(f"{path}: the registry's port is {port}; expected 0 to 65535")
    keys, directory = reader.word("keys"), spool.get("directory") or "spool"
    return Site(
        name=reader.word("site") or "",
        registry=f"tcp://{host}:{port}",
        keys=os.path.join(folder, keys) if keys else None,
        spool=os.path.join(folder, directory),
        spool_size=spool.get("size"),
    )


class _Reader:
    """The top-level keys of a text."""

    def __init__(self, text, path, environment):
        self.path = path
        self.environment = environment
        self.parts = {}
        name = None
        for number, line in enumerate(text.splitlines(), 1):
            line = _without_comment(line).rstrip()
            if not line or line in ("---", "..."):
                continue
            if line[0] not in " \t-":
                name, colon, rest = line.partition(":")
                if not colon:
                    name = None
                    continue
                self.parts[name.strip()] = (number, rest.strip(), [])
            elif name is not None:
                self.parts[name.strip()][2].append(line)

    def map(self, name):
        """The words of a map, by key."""
        if name not in self.parts:
            return {}
        number, rest, lines = self.parts[name]
        if rest.startswith("{") and rest.endswith("}") and not lines:
            return self._pairs(rest[1:-1], number, name)
        if rest and not lines or rest:
            raise self._strange(number, name)
        indents = {len(line) - len(line.lstrip(" ")) for line in lines}
        if len(indents) > 1:
            raise self._strange(number, name)
        found = {}
        for line in lines:
            found.update(self._pairs(line, number, name, most=1))
        return found

    def word(self, name):
        """The word behind a key, None if there is none."""
        if name not in self.parts:
            return None
        number, rest, lines = self.parts[name]
        if lines or rest[:1] in tuple("{[&*|>!"):
            raise self._strange(number, name)
        return self._plain(rest, number) or None

    def _pairs(self, text, number, name, most=None):
        found, place = {}, 0
        # A variable's braces are no map's.
        text = _NAME.sub(lambda m: self._variable(m, number), text)
        while place < len(text) and text[place:].strip():
            match = _PAIR.match(text, place)
            if not match or match.end() == place or most is not None and len(found) == most:
                raise self._strange(number, name)
            found[match.group(1)] = self._unquoted(match.group(2))
            place = match.end()
        return found

    def _plain(self, text, number):
        return self._unquoted(_NAME.sub(lambda m: self._variable(m, number), text))

    @staticmethod
    def _unquoted(text):
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            return text[1:-1]
        return text

    def _variable(self, match, number):
        if match.group(0) == "$$":
            return "$"
        value = self.environment.get(match.group(1)) or match.group(2)
        if value is None:
            raise SiteError(
                f"{self.path}:{number}: the variable {match.group(1)} is not set; set it, or write "
                f"${{{match.group(1)}:-DEFAULT}}"
            )
        return value

    def _strange(self, number, name):
        return SiteError(
            f"{self.path}:{number}: `{name}` is written in a way that this client does not read; "
            f'write `{name}: {{key: word}}`, or give registry="tcp://HOST:PORT" (and keys=…)'
        )


def _without_comment(line):
    quote = None
    for place, letter in enumerate(line):
        if quote:
            quote = None if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place]
    return line
