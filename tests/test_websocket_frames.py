"""Frames of a WebSocket: each case whole, and byte by byte."""

import pytest

from httpout_cgi.protocol.websocket_frames import CloseReceived, Frames, PingReceived
from tests.websocket_client import CASES, LONGEST, NAMES, read_outcome, read_sent


def echo(frames: Frames, data: bytes) -> tuple[bytes, str]:
    """Return what an echo answers, and how it ends."""
    answer = b""
    frames.feed(data)
    for event in frames.read():
        if isinstance(event, CloseReceived):
            return answer, f"close {read_code(frames, event)}"
        if isinstance(event, PingReceived):
            answer += frames.encode_pong(event.payload)
        elif event is not None:
            answer += frames.encode(event)
    return answer, ""


def read_code(frames: Frames, event: CloseReceived) -> int:
    frame = frames.encode_close(event.code, event.reason)
    assert frame[0] == 0x88
    assert len(frame) == frame[1] + 2
    return int.from_bytes(frame[2:4], "big")


def test_there_are_cases() -> None:
    assert len(NAMES) > 60
    assert {path.stem for path in CASES.iterdir()} == set(NAMES)


@pytest.mark.parametrize("size", [10_000, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, size: int) -> None:
    sent, (expected, end) = read_sent(name), read_outcome(name)
    frames, answer, ended = Frames(LONGEST), b"", ""
    for start in range(0, len(sent), size):
        part, ended = echo(frames, sent[start : start + size])
        answer += part
        if ended:
            break
    assert (answer, ended) == (expected, end if end.startswith("close") else "")


def test_why_it_is_closed_is_told() -> None:
    frames = Frames(LONGEST)
    frames.feed(b"\x81\x00")
    [event] = frames.read()
    assert isinstance(event, CloseReceived)
    assert "unmasked" in event.reason


def test_it_is_closed_once() -> None:
    frames = Frames(LONGEST)
    assert frames.encode_close(1000) == b"\x88\x02\x03\xe8"
    frames.feed(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
    assert [type(event) for event in frames.read()] == [CloseReceived]
    assert frames.encode_close(1000) == b""


def test_a_message_in_parts() -> None:
    frames = Frames(LONGEST)
    parts = [frames.encode("a", is_last=False), frames.encode("b")]
    assert parts == [b"\x01\x01a", b"\x80\x01b"]
    assert frames.encode_ping(b"p") == b"\x89\x01p"
