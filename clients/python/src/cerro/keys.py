"""CURVE keys: a folder with one file a name, as `cerro keys` makes it.

`NAME.secret` is one line, a secret key as 64 hexadecimal digits, mode 0600; `registry.key` is one
line, the public key of the registry, which every client pins. The others' public keys are in the
registry's table.
"""

import getpass
import os
import stat

import zmq
from zmq.utils import z85

from .errors import KeyMissing

#: Names a secret key: a file, or a name in the folder of keys.
VARIABLE = "CERRO_KEY"
#: Who has a key at each site from the beginning.
FIRST_PERSON = "operator"
_DIGITS = 64


class Keys:
    """The key pair of one name, and the registry's public key.

    `name` is a name in the folder or a file; else $CERRO_KEY, else who is logged in, else
    `operator`.
    """

    def __init__(self, folder, name=None):
        path = _secret_file(folder, name or os.environ.get(VARIABLE))
        self.registry = _read(os.path.join(folder, "registry.key"), 0o022, "chmod 644")
        self._secret = z85.encode(bytes.fromhex(_read(path, 0o077, "chmod 600")))
        self._public = zmq.curve_public(self._secret)

    def __repr__(self):
        return f"Keys(public={self.public!r})"

    @property
    def public(self):
        """The public key, as `access.yaml` has it."""
        return z85.decode(self._public).hex()

    def apply(self, socket, server):
        """Has the next connection of a socket prove who we are, and who listens."""
        if not server:
            raise KeyMissing(
                "the registry does not tell the public key of who listens there, and without it "
                "nothing is asked: that instance runs without keys"
            )
        socket.curve_secretkey = self._secret
        socket.curve_publickey = self._public
        socket.curve_serverkey = z85.encode(bytes.fromhex(server))

    def serve(self, socket):
        """Has a socket that listens prove our key."""
        socket.curve_server = True
        socket.curve_secretkey = self._secret
        socket.curve_publickey = self._public


def _secret_file(folder, name):
    if name and "/" in name:
        return name
    names = [name] if name else [getpass.getuser(), FIRST_PERSON]
    files = [os.path.join(folder, f"{one}.secret") for one in names]
    return next(filter(os.path.exists, files), files[0])


def _read(path, forbidden, repair):
    try:
        with open(path, encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = "".join(file.read(200).split())
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(
            f"{path} cannot be read ({error}): ask who keeps access.yaml for a key (`cerro keys "
            f"new NAME`), and name its file in ${VARIABLE}"
        ) from None
    if mode & forbidden:
        raise KeyMissing(f"{path} has mode {mode:04o}, so others may use it: run `{repair} {path}`")
    try:
        bytes.fromhex(text)
    except ValueError:
        text = ""
    if len(text) != _DIGITS:
        raise KeyMissing(f"{path} holds no key; expected {_DIGITS} hexadecimal digits")
    return text
