"""What a pool tells of the end of a run: a number, a word, or nothing at all."""

from dataclasses import replace
from http import HTTPStatus

import pytest

from httpout_cgi.runners.pool_status import (
    Progress,
    explain_refusal,
    judge_end,
    parse_status,
)

EARLY = Progress(is_empty=True, has_head=False, is_late=False, limit=20.0)
CUT = replace(EARLY, is_empty=False)
COMPLETE = replace(CUT, has_head=True)
OVER = "over the time limit of 20 s"
SEGMENT = "killed by signal 11 (SIGSEGV)"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        pytest.param("256\n", 256, id="of a pool"),
        pytest.param("?0\n", 0, id="of a kept child"),
        pytest.param("?", None, id="a kept child that has died"),
        pytest.param("", None, id="nothing"),
        pytest.param("refused not-owner: /1", None, id="refused"),
        # A kept child's script may write there as well.
        pytest.param("²\n", None, id="no digit of ASCII"),
        pytest.param("9" * 20, None, id="too large for C"),
    ],
)
def test_a_status_is_a_number(told: str, status: int | None) -> None:
    assert parse_status(told) == status


@pytest.mark.parametrize(
    ("told", "progress", "status", "reason", "line"),
    [
        pytest.param("11\n", EARLY, 502, SEGMENT, SEGMENT, id="signal"),
        pytest.param("?139\n", CUT, 502, SEGMENT, SEGMENT, id="signal, with a core"),
        pytest.param(
            "64\n",
            EARLY,
            502,
            "killed by signal 64 (SIGRTMAX)",
            "killed by signal 64 (SIGRTMAX)",
            id="last signal",
        ),
        pytest.param(
            "50\n",
            EARLY,
            502,
            "killed by signal 50 (real-time)",
            "killed by signal 50 (real-time)",
            id="signal without a name",
        ),
        pytest.param(
            "11\n", replace(CUT, is_late=True), 504, OVER, SEGMENT, id="late signal"
        ),
        pytest.param(
            "11\n",
            replace(COMPLETE, is_late=True),
            504,
            OVER,
            SEGMENT,
            id="late signal, in the content",
        ),
        pytest.param("", EARLY, 503, "the pool has closed the connection", None),
        pytest.param("", CUT, 502, "the pool has died", None),
        pytest.param("", COMPLETE, 502, "the pool has died", None),
        pytest.param(
            "?", EARLY, 502, "its process has died", "its process has died", id="kept"
        ),
        pytest.param(
            "?",
            replace(EARLY, is_late=True),
            504,
            OVER,
            "its process has died",
            id="kept, late",
        ),
        pytest.param(
            "refused not-owner: /x", EARLY, 403, "not-owner: /x", None, id="refused"
        ),
        pytest.param(
            "?refused missing-script: /x",
            replace(EARLY, is_late=True),
            404,
            "missing-script: /x",
            None,
            id="refused by a kept child",
        ),
    ],
)
def test_an_end_without_an_exit_code_is_an_error(
    told: str, progress: Progress, status: int, reason: str, line: str | None
) -> None:
    verdict = judge_end(told, progress)
    assert verdict.error is not None
    assert (verdict.error.status, verdict.error.reason) == (status, reason)
    assert verdict.line == line


def test_a_page_that_is_killed_stays_as_it_is() -> None:
    verdict = judge_end("11\n", COMPLETE)
    assert verdict.error is None
    assert verdict.line == SEGMENT


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", HTTPStatus.SERVICE_UNAVAILABLE),
        ("no-pool", HTTPStatus.SERVICE_UNAVAILABLE),
        ("too-many-pools: alice", HTTPStatus.SERVICE_UNAVAILABLE),
        ("unknown-account: alice", HTTPStatus.NOT_FOUND),
        ("missing-script: /x", HTTPStatus.NOT_FOUND),
        ("not-owner: /x", HTTPStatus.FORBIDDEN),
    ],
)
def test_a_refusal_tells_the_client_no_more_than_it_should(
    text: str, status: HTTPStatus
) -> None:
    error = explain_refusal(text)
    assert error.status == status
    assert error.reason == (text or "there is no pool")
    assert ("Retry-After" in dict(error.fields)) == (status == 503)
