"""An FTP server on a loopback port that does what a test tells it to, wrong things included."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.servers.certificates import Certificates


@dataclass(slots=True)
class ScriptedFtp:
    """What the server holds and how it misbehaves.

    `replies` maps a verb to the whole reply line(s) given instead of the usual one. A data connection
    sends at most `data_limit` bytes, one every `data_drip` seconds if that is set, then waits for `stall`
    to be set where it is not None, and ends with `end_reply`. `beyond` is sent after the file. `feats`
    None is a server without FEAT.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    listing: bytes = b""
    feats: tuple[str, ...] | None = ("SIZE", "MDTM", "REST STREAM")
    replies: Mapping[str, str] = field(default_factory=dict)
    welcome: str = "220 ready"
    drip: float | None = None
    data_limit: int | None = None
    data_drip: float | None = None
    beyond: bytes = b""
    stall: threading.Event | None = None
    end_reply: str = "226 done"
    pasv_host: str = "127.0.0.1"
    after_auth: str = ""
    tls: Certificates | None = None
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def said(self, *verbs: str) -> list[str]:
        """The command lines that begin with one of these verbs."""
        return [line for line in self.commands if line.partition(" ")[0] in verbs]


@contextmanager
def scripted_ftp(script: ScriptedFtp) -> Iterator[ScriptedFtp]:
    """Serve by the script until the block ends; its `port` is filled in."""
    with socket.create_server(("127.0.0.1", script.port)) as listener:
        script.port = listener.getsockname()[1]
        sessions: list[_Session] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    script.connections += 1
                    session = _Session(script, connection)
                    sessions.append(session)
                    threading.Thread(target=session.run, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield script
        finally:
            script.stopped.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for session in sessions:
                session.close()


class _Session:
    def __init__(self, script: ScriptedFtp, connection: socket.socket) -> None:
        self.script = script
        self.connection = connection
        self.passive: socket.socket | None = None
        self.offset = 0
        self.buffer = b""

    def run(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            self.say(self.script.welcome)
            while (line := self.line()) is not None:
                self.script.commands.append(line)
                verb, _, argument = line.partition(" ")
                if not self.answer(verb.upper(), argument):
                    break
        self.close()

    def close(self) -> None:
        for one in (self.connection, self.passive):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def line(self) -> str | None:
        while b"\r\n" not in self.buffer:
            data = self.connection.recv(4096)
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "surrogateescape")

    def say(self, reply: str) -> None:
        data = reply.encode("utf-8", "surrogateescape") + b"\r\n"
        if self.script.drip is None:
            self.connection.sendall(data)
            return
        for number in range(len(data)):
            if self.script.stopped.wait(self.script.drip):
                return
            self.connection.sendall(data[number : number + 1])

    def answer(self, verb: str, argument: str) -> bool:
        told = self.script.replies.get(verb)
        if told is not None:
            self.say(told)
            return not told.startswith("421")
        action: Callable[[str], None] | None = getattr(self, f"do_{verb.lower()}", None)
        if action is None:
            self.say("502 not implemented")
        else:
            action(argument)
        return verb != "QUIT"

    def do_user(self, _: str) -> None:
        self.say("331 password, please")

    def do_pass(self, _: str) -> None:
        self.say("230 welcome")

    def do_type(self, _: str) -> None:
        self.say("200 type set")

    def do_pwd(self, _: str) -> None:
        self.say('257 "/" is here')

    def do_cwd(self, _: str) -> None:
        self.say("250 there")

    def do_quit(self, _: str) -> None:
        self.say("221 goodbye")

    def do_auth(self, _: str) -> None:
        assert self.script.tls is not None
        self.connection.sendall(b"234 go ahead\r\n" + self.script.after_auth.encode())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.script.tls.certificate, self.script.tls.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def do_pbsz(self, _: str) -> None:
        self.say("200 0")

    def do_feat(self, _: str) -> None:
        if self.script.feats is None:
            self.say("500 what?")
        else:
            self.say("\r\n".join(["211-Features", *(f" {feat}" for feat in self.script.feats), "211 End"]))

    def do_size(self, name: str) -> None:
        data = self.script.files.get(name)
        self.say("550 no such file" if data is None else f"213 {len(data)}")

    def do_mdtm(self, name: str) -> None:
        self.say("213 20240102030405" if name in self.script.files else "550 no such file")

    def do_rest(self, offset: str) -> None:
        self.offset = int(offset)
        self.say("350 go on")

    def do_pasv(self, _: str) -> None:
        port = self.listen()
        self.say(f"227 ({self.script.pasv_host.replace('.', ',')},{port >> 8},{port & 255})")

    def do_epsv(self, _: str) -> None:
        self.say(f"229 (|||{self.listen()}|)")

    def listen(self) -> int:
        self.passive = socket.create_server(("127.0.0.1", 0))
        return int(self.passive.getsockname()[1])

    def do_list(self, _: str) -> None:
        self.send(self.script.listing)

    def do_mlsd(self, _: str) -> None:
        self.send(self.script.listing)

    def do_retr(self, name: str) -> None:
        data = self.script.files.get(name)
        if data is None:
            self.say("550 no such file")
            return
        offset, self.offset = self.offset, 0
        self.send(data[offset:] + self.script.beyond)

    def send(self, data: bytes) -> None:
        assert self.passive is not None
        self.say("150 here it comes")
        connection, _ = self.passive.accept()
        self.passive.close()
        with connection, contextlib.suppress(ConnectionError):
            self.pour(connection, data if self.script.data_limit is None else data[: self.script.data_limit])
            if self.script.stall is not None:
                self.script.stall.wait(60)
        self.say(self.script.end_reply)

    def pour(self, connection: socket.socket, data: bytes) -> None:
        if self.script.data_drip is None:
            connection.sendall(data)
            return
        for number in range(len(data)):
            if self.script.stopped.wait(self.script.data_drip):
                return
            connection.sendall(data[number : number + 1])
