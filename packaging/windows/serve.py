"""Serve a folder on a loopback port of the Linux side; the first line printed is the address."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing about requests."""

    def log_message(self, format: str, *args: object) -> None:
        return


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=sys.argv[1])) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
