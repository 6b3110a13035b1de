"""Negotiation of content codings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpout_cgi.protocol.negotiation import choose_coding

SIZES = {"identity": 100, "gzip": 50, "br": 40}


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        pytest.param(None, "identity", id="12.5.3 no field"),
        pytest.param("", "identity", id="12.5.3 empty"),
        pytest.param("gzip", "gzip", id="12.5.3 one"),
        pytest.param("GZIP", "gzip", id="8.4.1 any case"),
        pytest.param("x-gzip", "gzip", id="8.4.1.3 old name"),
        pytest.param("gzip, deflate, br, zstd", "br", id="smallest of equals"),
        pytest.param("gzip;q=1.0, br;q=0.9", "gzip", id="12.4.2 weights"),
        pytest.param("gzip ; q=0.1\t,br;\tq=0.2", "br", id="5.6.6 blanks"),
        pytest.param("gzip;q=0, br;q=0.000", "identity", id="12.4.2 zero"),
        pytest.param("deflate", "identity", id="none that is there"),
        pytest.param("identity", "identity", id="only identity"),
        pytest.param("identity;q=1, gzip;q=0.5", "identity", id="likes identity"),
        pytest.param("identity;q=0.5, gzip;q=0.5", "gzip", id="smaller than identity"),
        pytest.param("gzip;q=0.001", "gzip", id="named before not named"),
        pytest.param("*", "br", id="12.5.3 star"),
        pytest.param("*;q=0", "identity", id="12.5.3 nothing will do"),
        pytest.param("identity;q=0", "identity", id="12.5.3 better than none"),
        pytest.param("br;q=0, *;q=0.5", "gzip", id="12.5.3 star for others"),
        pytest.param("gzip;q=2, br;q=-1", "identity", id="12.4.2 malformed weights"),
        pytest.param("gzip;level=9, br", "br", id="malformed parameter"),
        pytest.param(",, gzip ,", "gzip", id="5.6.1.2 empty entries"),
        pytest.param("gz ip, \x00", "identity", id="no tokens"),
    ],
)
def test_coding(accepted: str | None, expected: str) -> None:
    assert choose_coding(accepted, SIZES) == expected


def test_identity_may_be_the_smallest() -> None:
    sizes = {"identity": 1, "gzip": 50}

    assert choose_coding("gzip, identity", sizes) == "identity"
    assert choose_coding("*", sizes) == "identity"


@given(st.text("brgzip identity*;q=01.,", max_size=60))
def test_choice_is_one_of_those_that_there_are(accepted: str) -> None:
    assert choose_coding(accepted, SIZES) in SIZES
