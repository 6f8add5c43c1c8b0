"""A TCP proxy between Airflow's workers and what they talk to, which can be told to fail."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

MODES: Final = ("pass", "refused", "dropped-answers", "5xx")
DROPPED: Final = 0.3
"""Share of the answers that are dropped in that mode. Some have to arrive: the worst is what comes half."""

_UNAVAILABLE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 27\r\n"
    b'Connection: close\r\n\r\n{"detail": "cut by a proxy"}'[:-1]
)


class Proxy:
    """Passes connections on, in a thread of its own.

    :param target: gives the port on this host that connections go to, when one is opened.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = 0
        self._target = target
        self._mode = "pass"
        self._chance = random.Random(0)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, name="proxy", daemon=True).start()
        self._ready.wait(10)

    def cut(self, mode: str) -> None:
        """Fail in one of the :data:`MODES` from now on, or pass again. Open connections are closed."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is not a known mode; choose from {', '.join(MODES)}")
        self._mode = mode
        if mode in ("refused", "5xx"):
            self._loop.call_soon_threadsafe(self._close_all)

    def close(self) -> None:
        """End the proxy and all its connections."""
        self._loop.call_soon_threadsafe(self._close_all)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def _close_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refused":
            writer.transport.abort()
            return
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self._mode == "5xx":
                await reader.read(65536)
                writer.write(_UNAVAILABLE)
                await writer.drain()
                return
            back, there = await asyncio.open_connection("127.0.0.1", self._target())
            self._open.add(there)
            await asyncio.gather(self._pass_on(reader, there), self._pass_on(back, writer, answers=True))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    self._open.discard(each)
                    each.transport.abort() if self._mode != "5xx" else each.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await reader.read(65536):
            if answers and self._mode == "dropped-answers" and self._chance.random() < DROPPED:
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
