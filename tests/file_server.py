"""A file server on the loopback address, for tests of downloads."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from pathlib import Path
from typing import Any


class FileServer:
    """Serves the files of a folder; use it in a `with` statement.

    Args:
        folder: The folder.
        ranges: Whether it serves parts of files.
        tags: Whether it tells an ETag.
        lengths: Whether it tells how long the answers are.

    Attributes:
        requests: `(path, Range header or None)` of each request.
        cuts: Numbers of bytes after which the next answers break off, taken from the front.
    """

    def __init__(self, folder: Path, ranges: bool = True, tags: bool = True, lengths: bool = True):
        self.folder = folder
        self.ranges = ranges
        self.tags = tags
        self.lengths = lengths
        self.requests: list[tuple[str, str | None]] = []
        self.cuts: list[int] = []
        self.before_answer: Any = None  # called before each answer
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.requests.append((request.path, wanted))
        if self.before_answer is not None:
            self.before_answer()
        file = self.folder / request.path.split("?")[0].lstrip("/")
        if not file.is_file():
            request.send_error(404)
            return
        data = file.read_bytes()
        tag = f'"{hashlib.sha256(data).hexdigest()}"'
        start = 0
        condition = request.headers.get("If-Range")
        if self.ranges and wanted and condition in (None, tag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            request.send_response(200)
        if self.tags:
            request.send_header("ETag", tag)
        if self.lengths:
            request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else len(data)
        with contextlib.suppress(ConnectionError):  # whoever asked may be gone
            request.wfile.write(data[start:end])
