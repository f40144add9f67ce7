"""CURVE: who listens proves its key, and who asks as well."""

import os
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import zmq  # noqa: E402
from zmq.utils import z85  # noqa: E402

from cerro import CerroClient, KeyMissing, Unreachable, wire  # noqa: E402
from cerro.keys import Keys  # noqa: E402


def pair():
    """A new key pair, in hexadecimal digits."""
    return [z85.decode(part).hex() for part in zmq.curve_keypair()]


class Registry(threading.Thread):
    """Answers `table` with nobody in it, encrypted."""

    def __init__(self, public, secret):
        super().__init__(daemon=True)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.curve_server = True
        self._socket.curve_publickey = z85.encode(bytes.fromhex(public))
        self._socket.curve_secretkey = z85.encode(bytes.fromhex(secret))
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._ear = self._context.socket(zmq.PAIR)
        self._ear.bind("inproc://end")

    def run(self):
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._ear, zmq.POLLIN)
        while self._ear not in dict(poller.poll()):
            peer, data = self._socket.recv_multipart()
            id = wire.decode_request(data).id
            reply = wire.Reply(id, "ok", "", {"version": 1, "rows": []}, 0, 1)
            self._socket.send_multipart([peer, wire.encode_reply(reply)])

    def close(self):
        """Ends it."""
        with self._context.socket(zmq.PAIR) as bell:
            bell.connect("inproc://end")
            bell.send(b"")
            self.join()
        self._context.destroy(linger=0)


class KeysTest(unittest.TestCase):
    """The folder of keys, and a registry that has some."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.public, secret = pair()
        self.registry = Registry(self.public, secret)
        self.registry.start()
        self.addCleanup(self.registry.close)
        self.write("registry.key", self.public, 0o644)
        self.mine, own = pair()
        self.write("operator.secret", own, 0o600)

    def write(self, name, text, mode):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)

    def ask(self, **more):
        more = {"registry": self.registry.endpoint, "keys": str(self.folder), "name": "operator",
                "timeout": 5, **more}
        with CerroClient("nobody", **more) as client:
            return client._driver.run(client._flows.table())

    def test_a_client_with_keys_is_answered(self):
        self.assertEqual(self.ask(), {})
        self.assertEqual(self.ask(name=str(self.folder / "operator.secret")), {})
        self.assertEqual(Keys(str(self.folder), "operator").public, self.mine)
        self.assertNotIn((self.folder / "operator.secret").read_text()[:8],
                         repr(Keys(str(self.folder), "operator")))

    def test_without_keys_or_with_another_registry_nothing_is_asked(self):
        with self.assertRaises(Unreachable):
            self.ask(keys=None, timeout=0.3)
        self.write("registry.key", pair()[0], 0o644)
        with self.assertRaises(Unreachable):
            self.ask(timeout=0.3)

    def test_what_is_wrong_with_a_key_is_said(self):
        os.environ.pop("CERRO_KEY", None)
        for name, text, mode, words in [
            ("operator.secret", "00" * 32, 0o644, "run `chmod 600 "),
            ("registry.key", self.public, 0o666, "run `chmod 644 "),
            ("operator.secret", "xyz", 0o600, "expected 64 hexadecimal digits"),
            ("registry.key", "", 0o644, "expected 64 hexadecimal digits"),
        ]:
            self.setUp()
            self.write(name, text, mode)
            with self.subTest(words), self.assertRaisesRegex(KeyMissing, words):
                self.ask()
        self.setUp()
        (self.folder / "operator.secret").unlink()
        with self.assertRaisesRegex(KeyMissing, "cerro keys new NAME"):
            self.ask()
        self.setUp()
        with self.assertRaisesRegex(KeyMissing, "runs without keys"):
            Keys(str(self.folder), "operator").apply(None, "")


if __name__ == "__main__":
    unittest.main()
