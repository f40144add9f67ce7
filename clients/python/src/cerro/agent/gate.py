"""The keys of an agent that serves: what its sockets prove, and who gets in."""

import time

import zmq

from .. import limits
from ..errors import KeyMissing
from ..keys import Keys
from .access import AccessFile, AccessTable


class OpenGate:
    """A site without keys: its sockets are on loopback, and who is there may do everything."""

    keys = None
    table = AccessTable(is_open=True)
    socket = None
    strangers = 0

    def listen(self, context):
        """Nobody is asked."""

    def protect(self, socket):
        """Nothing is to be protected."""

    def refresh(self):
        """Nothing changes; False."""
        return False


class CurveGate:
    """A site with keys: says over ZAP of each peer whether it gets in.

    Source: P. Hintjens, "ZeroMQ Authentication Protocol", 27/ZAP.
    """

    def __init__(self, folder, instance, logger):
        self.keys = Keys(folder, instance)
        self._file = AccessFile(folder)
        self._logger = logger
        self.socket = None
        #: Peers that did not get in.
        self.strangers, self._logged = 0, None
        own = self.table.member(self.keys.public)
        if own is None or own.name != instance:
            raise KeyMissing(
                f"{self._file.path} has another key for {instance} than its secret key here, or "
                "has revoked it: copy the two from where `cerro keys` made them"
            )

    @property
    def table(self):
        """What holds now."""
        return self._file.table

    def listen(self, context):
        """Opens the socket of ZAP, before any server's."""
        self.socket = context.socket(zmq.REP)
        self.socket.bind("inproc://zeromq.zap.01")

    def protect(self, socket):
        """Has a server's socket prove our key and let in whom the table names."""
        self.keys.serve(socket)
        socket.zap_domain = b"cerro"

    def answer(self):
        """Answers what the library has asked."""
        while True:
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            key = parts[6].hex() if len(parts) == 7 and parts[5] == b"CURVE" else ""
            is_known = self.table.member(key) is not None
            if not is_known:
                self.strangers += 1
                self._log(key)
            verdict = [b"200", b"", key.encode()] if is_known else [b"400", b"unknown key", b""]
            self.socket.send_multipart([b"1.0", parts[1], *verdict, b""])

    def _log(self, key):
        now = time.monotonic()
        if self._logged is None or now - self._logged >= limits.DROP_REPORT:
            self._logged = now
            self._logger.warning(
                "%d peers with unknown keys did not get in, the last: %s…", self.strangers, key[:8]
            )

    def refresh(self):
        """Reads a changed table; whether somebody may have to go. A broken one changes nothing."""
        try:
            return self._file.refresh()
        except KeyMissing as error:
            self._logger.error("%s; what it said before holds on", error)
            return False
