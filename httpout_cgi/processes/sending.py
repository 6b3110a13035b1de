"""Sending a response: framing, and the pace that the client sets (RFC 9112 section 6).

Knows a transport, but neither requests nor where a body comes from.
"""

import asyncio
import os
import sys
from contextlib import aclosing
from typing import BinaryIO

from httpout_cgi.messages import FilePart, FileParts, Response, Stream
from httpout_cgi.processes.wire import MINIMUM_RATE, count_unsent
from httpout_cgi.protocol.response_head import Framing, render_head

# Two reads of a readahead window; larger blocks gained nothing.
_BLOCK = 128 * 1024
# At once by sendfile(2): others wait meanwhile, should the disk have to be read.
_PASSED_ON = 512 * 1024
_HIGH_WATER = 64 * 1024
_IS_LINUX = sys.platform == "linux"
# From here on, a second buffer costs less than a copy of both in one.
_LARGE = 16 * 1024


class Sender:
    """Writes responses to one transport, never more than it has asked for.

    The connection tells it with ``pause`` and ``resume`` when the transport's buffer
    is full.  ``begun`` tells whether a part of a response went out, and not the whole.
    ``sent`` counts bytes of content.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self.paused = False
        self.begun = False
        self.sent = 0
        self._head_sent = 0
        self._transport = transport
        self._passes = _IS_LINUX and transport.get_extra_info("sslcontext") is None
        self._seen = (0, 0)
        self._resumed: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """Stop writing until ``resume``."""
        self.paused = True

    def resume(self) -> None:
        """Go on."""
        self.paused = False
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    def look(self) -> None:
        """Note how far the client is, for ``has_progressed``."""
        self._seen = self.sent, count_unsent(self._transport)

    def has_progressed(self, seconds: float) -> bool:
        """Tell whether the client has taken enough since the last look, so long ago.

        Where nothing stops us, what was written since then has been taken: a client
        that has gone would have answered it with a reset.
        """
        sent, unsent = self._seen
        if self.paused:
            taken = unsent - count_unsent(self._transport)
            return taken >= seconds * MINIMUM_RATE
        return self.sent > sent

    async def send(self, response: Response, framing: Framing, added: str) -> None:
        """Send a response, and close its body.  ``added``: see ``render_head``.

        Raises an exception if the body ends too early, or the response cannot be
        rendered; if it has ``begun``, the connection cannot be used again then.
        """
        body = response.body
        if isinstance(body, bytes):
            self.send_bytes(response, framing, body, added)
        else:
            await self._send_body(response, framing, body, added)
            self.begun = False
        if self.paused:
            await self._wait()

    def send_bytes(
        self, response: Response, framing: Framing, body: bytes, added: str
    ) -> None:
        """Send a response whose whole ``body`` is there, without waiting."""
        head = render_head(response, framing, len(body), added)
        self._head_sent = len(head)
        if framing.head_only:
            self._transport.write(head)
            return
        self.sent = len(body)
        if len(body) < _LARGE:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def take_counts(self) -> tuple[int, int]:
        """Return the bytes of content and of heads sent since the last call."""
        counts = self.sent, self._head_sent
        self.sent = self._head_sent = 0
        return counts

    async def _send_body(
        self,
        response: Response,
        framing: Framing,
        body: FilePart | FileParts | Stream,
        added: str,
    ) -> None:
        if isinstance(body, (FilePart, FileParts)):
            await self._send_file(response, framing, body, added)
            return
        async with aclosing(body) as chunks:
            await self._send_stream(response, framing, chunks, added)

    async def _send_file(
        self,
        response: Response,
        framing: Framing,
        body: FilePart | FileParts,
        added: str,
    ) -> None:
        with body.file as file:
            self._write_head(render_head(response, framing, body.length, added))
            if framing.head_only:
                return
            if isinstance(body, FilePart):
                await self._send_part(file, body.offset, body.length)
                return
            for piece in body.pieces:
                if isinstance(piece, bytes):
                    await self._send_block(piece, len(piece))
                else:
                    await self._send_part(file, *piece)

    async def _send_part(self, file: BinaryIO, offset: int, length: int) -> None:
        end = offset + length
        # What it cannot take must not wait behind what it has: see _pass_on.
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=0)
        while offset < end:
            passed = self._pass_on(file, offset, end - offset)
            if passed:
                offset += passed
                self.sent += passed
                # A client on the same machine may take it as fast as it is sent.
                await asyncio.sleep(0)
                continue
            block = os.pread(file.fileno(), min(_BLOCK, end - offset), offset)
            if not block:
                raise ConnectionAbortedError("the file shrank while it was sent")
            offset += len(block)
            await self._send_block(block, len(block))

    def _pass_on(self, file: BinaryIO, offset: int, length: int) -> int:
        """Send a part of a file by the system alone (sendfile(2)); count its bytes.

        0 if that cannot be, or the client's system takes no more now: a block that is
        written to the transport then waits for it, and reports what is wrong.
        """
        wire = self._transport
        # Bytes of the transport come first.  Once it is closing, the number of its
        # socket may be that of another client's (CWE-910).
        if not self._passes or wire.get_write_buffer_size() or wire.is_closing():
            return 0
        sock = wire.get_extra_info("socket")
        try:
            length = min(length, _PASSED_ON)
            return os.sendfile(sock.fileno(), file.fileno(), offset, length)
        except OSError:
            return 0

    async def _send_stream(
        self,
        response: Response,
        framing: Framing,
        chunks: Stream,
        added: str,
    ) -> None:
        if not response.raw:
            self._write_head(render_head(response, framing, None, added))
        async for chunk in chunks:
            if framing.head_only or not chunk:
                continue
            if framing.chunked:
                block = b"%x\r\n%b\r\n" % (len(chunk), chunk)
                await self._send_block(block, len(chunk))
            else:
                await self._send_block(chunk, len(chunk))
        if framing.chunked and not framing.head_only:
            self._write(b"0\r\n\r\n")

    async def _send_block(self, block: bytes, content: int) -> None:
        self._write(block)
        self.sent += content
        if self.paused:
            await self._wait()

    def _write_head(self, head: bytes) -> None:
        self._write(head)
        self._head_sent = len(head)

    def _write(self, data: bytes) -> None:
        self.begun = True
        self._transport.write(data)

    async def _wait(self) -> None:
        self._resumed = asyncio.get_running_loop().create_future()
        try:
            await self._resumed
        finally:
            self._resumed = None
