"""Standard error of a run in a pool: what is logged, and what of it is kept."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from httpout_cgi.runners.pool_errors import PoolErrors
from tests.test_pool_runner import TAG, Notes, describe, save


def on_a_loop(tmp_path: Path, test: Callable[[PoolErrors], None]) -> None:
    async def main() -> None:
        errors = PoolErrors(describe(save(tmp_path / "a.py", "")))
        try:
            errors.start(asyncio.get_running_loop())
            test(errors)
        finally:
            errors.close()
            os.close(errors.write_end)

    asyncio.run(main())


def test_a_run_without_a_line_has_no_reason(tmp_path: Path) -> None:
    def test(errors: PoolErrors) -> None:
        errors.read_now()
        assert errors.describe() is None

    on_a_loop(tmp_path, test)


def test_lines_are_logged_and_kept(tmp_path: Path, caplog: Notes) -> None:
    def test(errors: PoolErrors) -> None:
        os.write(errors.write_end, b"first\n\xff\nno end")
        errors.read_now()
        assert errors.describe() == "first\n\\xff\n"

    with caplog.at_level(logging.ERROR, "httpout_cgi.script"):
        on_a_loop(tmp_path, test)
    tag = TAG.format("a.py")
    assert caplog.messages == [f"{tag}first", f"{tag}\\xff"]


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        pytest.param(4095, 2, id="as much as fits"),
        pytest.param(4096, 1, id="one byte more"),
    ],
)
def test_the_end_is_kept(tmp_path: Path, size: int, kept: int) -> None:
    def test(errors: PoolErrors) -> None:
        for character in (b"a", b"b", b"c"):
            os.write(errors.write_end, character * size + b"\n")
            errors.read_now()
        lines = [character * size + "\n" for character in "abc"]
        assert errors.describe() == "".join(lines[-kept:])

    on_a_loop(tmp_path, test)


def test_what_nobody_will_ask_for_is_logged_alone(
    tmp_path: Path, caplog: Notes
) -> None:
    def test(errors: PoolErrors) -> None:
        errors.keep_no_more()
        os.write(errors.write_end, b"line\n")
        errors.read_now()
        assert errors.describe() is None

    with caplog.at_level(logging.ERROR, "httpout_cgi.script"):
        on_a_loop(tmp_path, test)
    assert caplog.messages == [f"{TAG.format('a.py')}line"]


def test_of_a_long_line_the_end_is_kept(tmp_path: Path) -> None:
    def test(errors: PoolErrors) -> None:
        os.write(errors.write_end, b"short\n" + b"a" * 9000 + b"the reason\n")
        errors.read_now()
        text = errors.describe()
        assert text is not None
        assert text.endswith("aaathe reason\n")
        assert len(text) == 8192

    on_a_loop(tmp_path, test)
