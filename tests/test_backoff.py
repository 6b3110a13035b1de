"""Pauses before what has died is started again."""

import pytest

from httpout_cgi.processes.backoff import pause_after


@pytest.mark.parametrize(
    ("deaths", "pause"),
    [(1, 0.1), (2, 0.2), (3, 0.4), (7, 6.4), (8, 10.0), (9, 10.0), (100_000, 10.0)],
)
def test_the_pause_doubles_up_to_ten_seconds(deaths: int, pause: float) -> None:
    assert pause_after(deaths) == pytest.approx(pause)
