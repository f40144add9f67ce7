"""CURVE keys: a folder with one file a name, as `cerro keys` makes it.

`NAME.secret` is one line, the secret key as 40 characters of Z85, mode 0600; `registry.key` is one
line, the public key of the registry, which every client pins.
"""

import os
import stat

import zmq

from .errors import KeyMissing


class Keys:
    """The key pair of one name, and the registry's public key."""

    def __init__(self, folder, name):
        self.name = name
        self.registry = _read(os.path.join(folder, "registry.key"), 0o022, "chmod 644")
        path = os.path.join(folder, f"{name}.secret")
        self._secret = _read(path, 0o077, "chmod 600")
        self.public = zmq.curve_public(self._secret).decode()

    def __repr__(self):
        return f"Keys(name={self.name!r}, public={self.public!r})"

    def apply(self, socket, server):
        """Has the next connection of a socket prove who we are, and who listens."""
        if server is None:
            raise KeyMissing(
                "the registry does not tell the public key of who listens there, and without it "
                "nothing is asked: is that instance without keys?"
            )
        socket.curve_secretkey = self._secret
        socket.curve_publickey = self.public.encode()
        socket.curve_serverkey = server.encode()


def _read(path, forbidden, repair):
    try:
        with open(path, encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & forbidden:
                raise KeyMissing(f"{path} has mode {mode:04o}: run `{repair} {path}`")
            text = file.read(200).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(
            f"{path} cannot be read ({error}): copy it from the registry's host, where `cerro keys "
            "init` makes those of a site"
        ) from None
    if len(text) != 40:
        raise KeyMissing(f"{path} has {len(text)} characters; expected a key of 40")
    return text.encode() if path.endswith(".secret") else text
