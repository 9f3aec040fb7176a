"""The body of an HTTP answer, read within bounds: nobody outside decides how much memory we need.

The body is streamed and unpacked here, so that what arrives and what it unpacks to are both
limited while they come. Of a refusal only the beginning is read. Time is the caller's to limit.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from bot.ports.exchange import ExchangeError

#: Bytes of a body, as they arrive and unpacked: three times the longest page there is.
MOST_BYTES: Final = 8 * 2**20
#: Bytes read of an answer that is no success.
MOST_OF_A_REFUSAL: Final = 2**16
#: Pieces in which a body may arrive, and those taken between two breaths of the event loop: a
#: kilobyte may come in a thousand, each as dear as a whole packet.
MOST_PIECES: Final = 20_000
AT_ONCE: Final = 50
#: All that we can unpack, and so all that we ask for.
ENCODING: Final = "gzip"

_GZIP: Final = 16 + zlib.MAX_WBITS
#: They describe the body on its way, and would be untrue of the one that is handed on.
_OF_THE_WAY: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class TooLongError(ExchangeError):
    """A body is longer than it may be."""


async def whole(response: httpx.Response) -> httpx.Response:
    """The answer with its body, unpacked; the streamed one is closed.

    Raises ExchangeError for a success that is too long or packed in a way not asked for, and
    httpx.TransportError for one that broke off.
    """
    try:
        is_success = response.is_success
        body = await (_body(response) if is_success else _beginning(response))
    finally:
        await response.aclose()
    headers = [(k, v) for k, v in response.headers.raw if k.lower() not in _OF_THE_WAY]
    return httpx.Response(
        response.status_code, headers=headers, content=body, request=response.request
    )


def no_cookies() -> CookieJar:
    """A jar that takes none: the exchange would make us keep them, and send them back."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _is_too_long(reported: str) -> bool:
    # A number of a thousand digits is not worth being read.
    digits = len(str(MOST_BYTES))
    return reported.isdecimal() and (len(reported) > digits or int(reported) > MOST_BYTES)


async def _body(response: httpx.Response) -> bytes:
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if _is_too_long(response.headers.get("content-length", "")):
        raise TooLongError(f"the answer is longer than {MOST_BYTES} bytes")
    if packing == "identity":
        return await _collected(response, MOST_BYTES, lambda chunk, _room: chunk)
    if packing != ENCODING:
        raise ExchangeError(f"the answer is packed as '{packing}', which was not asked for")
    return await _unzipped(response)


async def _unzipped(response: httpx.Response) -> bytes:
    unzip = zlib.decompressobj(_GZIP)
    try:
        body = await _collected(response, MOST_BYTES, unzip.decompress)
    except zlib.error as error:
        raise ExchangeError(f"the answer is no {ENCODING}: {error}") from error
    _refuse_unless_whole(unzip)
    return body


def _refuse_unless_whole(unzip: "zlib._Decompress") -> None:
    if not unzip.eof:
        raise httpx.RemoteProtocolError(f"the {ENCODING} of the answer broke off")
    if unzip.unused_data:
        raise ExchangeError(f"more bytes follow the {ENCODING} of the answer")


async def _beginning(response: httpx.Response) -> bytes:
    """What a refusal says, as far as it can be read: that it is one is known without its words."""
    is_packed = response.headers.get("content-encoding") == ENCODING
    unzip = zlib.decompressobj(_GZIP)
    unpacked = unzip.decompress if is_packed else lambda chunk, _room: chunk
    try:
        return await _collected(response, MOST_OF_A_REFUSAL, unpacked)
    except (TooLongError, zlib.error, httpx.HTTPError):
        return b""


async def _collected(
    response: httpx.Response, most: int, unpacked: Callable[[bytes, int], bytes]
) -> bytes:
    """All chunks unpacked; `unpacked` is given a chunk and the most bytes it may make of it."""
    chunks = response.stream
    if not isinstance(chunks, AsyncIterable):
        raise TypeError("the answer was not read by an asynchronous client")
    arrived, pieces, body = 0, 0, bytearray()
    async for chunk in chunks:
        arrived, pieces = arrived + len(chunk), pieces + 1
        if pieces > MOST_PIECES:
            raise TooLongError(f"the answer arrives in more than {MOST_PIECES} pieces")
        if pieces % AT_ONCE == 0:
            await asyncio.sleep(0)
        # One byte more than there is room for tells that it is too long.
        body += unpacked(chunk, most - len(body) + 1)
        if arrived > most:
            raise TooLongError(f"more than {most} bytes arrived: the answer is too long")
        if len(body) > most:
            raise TooLongError(f"the answer unpacks to more than {most} bytes")
    return bytes(body)
