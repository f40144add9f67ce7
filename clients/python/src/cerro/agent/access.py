"""Who belongs to a site and what each may do: `access.yaml`, read again whenever it changes."""

import os
import re
from typing import NamedTuple

from .. import limits
from ..errors import KeyMissing
from .audit import Caller

ROLES = ("observe", "operate", "engineer", "admin")


class Grant(NamedTuple):
    """A role at some instances for some operations, as patterns in which `*` is anything."""

    role: str
    instances: tuple = ("*",)
    operations: tuple = ("*",)

    def covers(self, needed, instance, operation):
        """Whether it allows what needs a role; who may do anything at an instance may look."""
        if ROLES.index(self.role) < ROLES.index(needed) or not _fits(self.instances, instance):
            return False
        return needed == "observe" or _fits(self.operations, operation)


class Member(NamedTuple):
    """Somebody with a key: an instance, which may vouch for others, or a person."""

    name: str
    key: str
    is_instance: bool
    vouches: bool
    grants: tuple


class Token(NamedTuple):
    """A token of HTTP, by its id; `expires` in ns, None for never."""

    id: str
    name: str
    expires: object
    grants: tuple


class AccessTable:
    """The content of the file, as a value; `is_open` where the site has no keys."""

    def __init__(self, members=(), tokens=(), revoked=(), is_open=False):
        self.is_open = is_open
        self._members = {item.key: item for item in members if item.key not in set(revoked)}
        self._tokens = {item.id: item for item in tokens}

    def member(self, key):
        """Whose key it is, in hexadecimal digits; None where it is nobody's or revoked."""
        return self._members.get(key)

    def caller(self, key, asker, address):
        """Who asks: by the key that was proved, or as they say where nothing better is known."""
        name, token, said = (list(asker or []) + [None] * 3)[:3]
        proof = f"token:{token}" if isinstance(token, str) else "local"
        where = said if isinstance(said, str) else address or ""
        claimed = Caller(name if isinstance(name, str) else "unknown", proof, where)
        if key is None:
            return claimed
        member = self.member(key)
        if asker and member is not None and member.vouches:
            return claimed
        return Caller(member.name if member else "unknown", f"key:{key}", address or "")

    def refusal(self, caller, needs, instance, operation, now):
        """Why a caller may not do something; None where they may.

        `needs` is a role, or `instance`: what instances say to each other.
        """
        kind, _, value = caller.proof.partition(":")
        wanted = "the key of an instance" if needs == "instance" else f"the role `{needs}`"
        what = f"`{operation}` of {instance} needs {wanted}"
        if kind == "local":
            if self.is_open or needs == "observe":
                return None
            return f"{caller}: {what}. This site has keys: show one, or a token"
        if kind == "key":
            held = self.member(value)
            if held is None:
                return f"{caller}: the key is unknown here, or revoked"
            if held.is_instance and needs in ("instance", "observe"):
                return None
        else:
            held = self._tokens.get(value)
            if held is None:
                return f"{caller}: the token is unknown here, or revoked"
            if held.expires is not None and held.expires <= now:
                return f"{caller}: the token has ended"
        if needs != "instance" and any(g.covers(needs, instance, operation) for g in held.grants):
            return None
        there = [g.role for g in held.grants if g.covers("observe", instance, "")]
        best = max(there, key=ROLES.index, default=None)
        has = f"has the role `{best}` there" if best else "has no role there"
        return f"{what}; {caller} {has}: whoever keeps access.yaml grants it"


def _fits(patterns, text):
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) for pattern in patterns
    )


class AccessFile:
    """The table of a folder of keys; a changed file holds from the next look on."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "access.yaml")
        self._mark = None
        self.table = None
        self.refresh()

    def refresh(self):
        """Reads the file if it has changed; whether it has. KeyMissing where it is no good: then
        the table stays as it was.
        """
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise self._wrong(str(error)) from None
        mark = status.st_mtime_ns, status.st_ino, status.st_size
        if mark == self._mark:
            return False
        self._mark = mark
        if status.st_mode & 0o022:
            raise self._wrong(f"others may write it: run `chmod 644 {self.path}`")
        with open(self.path, encoding="utf-8") as file:
            text = file.read(limits.SITE_FILE)
        try:
            self.table = _table(_parsed(text))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._wrong(f"{type(error).__name__}: {error}") from None
        return True

    def _wrong(self, what):
        return KeyMissing(
            f"{self.path} is not to be used ({what}): `cerro keys` writes it on the registry's "
            "host; copy it from there"
        )


def _parsed(text):
    try:
        import yaml
    except ImportError:
        raise KeyMissing(
            "an agent at a site with keys reads access.yaml and needs PyYAML for it: `pip install "
            "cerro[keys]`"
        ) from None
    try:
        # Every word as a text: a key of digits is none, and neither is `no` false.
        found = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return found if isinstance(found, dict) else {}


def _table(content):
    members = [
        Member(item["id"], _key(item), True, item.get("vouches") == "true", _grants(item))
        for item in content.get("instances") or []
    ]
    members += [
        Member(item["name"], _key(item), False, False, _grants(item))
        for item in content.get("people") or []
    ]
    tokens = [
        Token(item["id"], item.get("name", ""), _instant(item.get("expires")), _grants(item))
        for item in content.get("tokens") or []
    ]
    return AccessTable(members, tokens, [_key(item) for item in content.get("revoked") or []])


def _key(item):
    key = item["key"].lower()
    if len(bytes.fromhex(key)) != 32:
        raise ValueError(f"the key of {item.get('id') or item.get('name')} has {len(key)} digits")
    return key


def _grants(item):
    found = []
    for grant in item.get("grants") or []:
        if grant["role"] not in ROLES:
            raise ValueError(f"the role {grant['role']}; there are {', '.join(ROLES)}")
        found.append(Grant(
            grant["role"], tuple(grant.get("instances", ("*",))),
            tuple(grant.get("operations", ("*",))),
        ))
    return tuple(found)


def _instant(text):
    if text is None:
        return None
    import numpy as np

    return int(np.datetime64(text.rstrip("Z"), "ns").astype(np.int64))
