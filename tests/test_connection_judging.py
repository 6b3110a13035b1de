"""Connections behind the head of a request, until it is clear who wants its content."""

import asyncio

import pytest

from httpout_cgi.messages import Response
from httpout_cgi.processes.connection import Connection
from tests.test_connection_inside import Inside, Run, run

__all__ = ["run"]  # a fixture

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
EXPECTING = HEAD + b"Expect: 100-continue\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REFUSAL = Response(401, (), b"refused", user="alice")


async def begin(inside: Inside, sent: bytes = HEAD + b"\r\n") -> Connection:
    """Send a head to a gateway that thinks about it."""
    inside.gateway.judged.clear()
    connection = inside.connect()
    connection.data_received(sent)
    await asyncio.sleep(0)
    return connection


def test_content_waits_until_it_is_wanted(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside)
        connection.data_received(b"hello")
        await asyncio.sleep(0)
        assert inside.gateway.requests == []
        inside.gateway.judged.set()
        await inside.wait_for_written(b"hello")
        assert [one.content_length for one in inside.gateway.requests] == [5]
        assert b"100" not in inside.wire.written

    run(test)


def test_what_comes_too_early_stays_in_the_kernel(run: Run) -> None:
    async def test(inside: Inside) -> None:
        head = HEAD.replace(b"5", b"99999")
        connection = await begin(inside, head + b"\r\n")
        connection.data_received(b"x" * 70_000)
        assert inside.wire.done == ["pause_reading"]
        inside.gateway.judged.set()
        await inside.wait_for(lambda: "resume_reading" in inside.wire.done)
        connection.data_received(b"x" * 29_999)
        await inside.wait_for_written(b"hello")
        assert inside.gateway.requests[0].content_length == 99999

    run(test)


def test_a_client_that_waits_is_told_once(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside, EXPECTING)
        assert inside.wire.written == b""
        inside.gateway.judged.set()
        await inside.wait_for_written(CONTINUE)
        connection.data_received(b"hel")
        connection.data_received(b"lo")
        await inside.wait_for_written(b"hello")
        assert inside.wire.written.count(b"100") == 1

    run(test)


@pytest.mark.parametrize("sent", [EXPECTING, HEAD + b"\r\n", HEAD + b"\r\nhel"])
def test_a_refusal_closes_and_reads_nothing(run: Run, sent: bytes) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.early = REFUSAL
        await begin(inside, sent)
        inside.gateway.judged.set()
        await inside.wait_for(inside.has_ended)
        assert inside.wire.written.startswith(b"HTTP/1.1 401")
        assert b"Connection: close\r\n" in inside.wire.written
        assert b"100" not in inside.wire.written
        assert inside.gateway.requests == []
        entry = inside.log.entries[0]
        assert (entry.status, entry.user) == (401, "alice")

    run(test)


def test_content_that_came_meanwhile_is_no_request(run: Run) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.early = REFUSAL
        connection = await begin(inside)
        connection.data_received(b"helloGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        inside.gateway.judged.set()
        await inside.wait_for(inside.has_ended)
        assert inside.wire.written.count(b"HTTP/1.1") == 1
        assert inside.gateway.requests == []

    run(test)


def test_who_leaves_meanwhile_is_logged(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside)
        connection.connection_lost(None)
        await inside.wait_for(lambda: not inside.server.connections)
        assert [entry.status for entry in inside.log.entries] == [499]
        assert inside.wire.written == b""

    run(test)


def test_who_closes_his_side_meanwhile_is_answered(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside)
        connection.data_received(b"hello")
        connection.eof_received()
        inside.gateway.judged.set()
        await inside.wait_for_written(b"hello")

    run(test)


def test_half_a_request_is_refused_once_it_is_wanted(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside)
        connection.data_received(b"hel")
        connection.eof_received()
        inside.gateway.judged.set()
        await inside.wait_for(inside.has_ended)
        assert inside.wire.written.startswith(b"HTTP/1.1 400")

    run(test)


def test_nobody_is_hurried_meanwhile(run: Run) -> None:
    async def test(inside: Inside) -> None:
        connection = await begin(inside)
        assert connection.deadline == float("inf")
        connection.drain()
        assert inside.wire.done == []
        inside.gateway.judged.set()
        await inside.wait_for(lambda: connection.deadline < float("inf"))

    run(test)


@pytest.mark.parametrize("early", [None, REFUSAL], ids=["wanted", "refused"])
def test_a_connection_that_is_cut_off_meanwhile_stays_so(
    run: Run, early: Response | None
) -> None:
    async def test(inside: Inside) -> None:
        inside.gateway.early = early
        connection = await begin(inside)
        connection.abort()
        inside.gateway.judged.set()
        await inside.wait_for(lambda: connection._task is None)
        assert inside.wire.done == ["abort"]
        assert inside.gateway.requests == []
        connection.connection_lost(None)
        assert not inside.server.connections

    run(test)
