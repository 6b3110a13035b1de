"""What runs in an empty context is of its run all the same."""

from __future__ import annotations

import contextvars
from pathlib import Path

import pytest

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins

PLAIN = contextvars.Context


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("Context().run(print, 'from an empty one')", id="print"),
        pytest.param(
            "Context().run(lambda: print(os.environ['MINE'], sys.argv[1:]))", id="os"
        ),
        pytest.param(
            "variable.set(2)\nprint(Context().run(variable.get), variable.get())",
            id="variable",
        ),
        pytest.param(
            "import _contextvars\n_contextvars.Context().run(print, 1)", id="C module"
        ),
        pytest.param(
            "context = contextvars.Context()\n"
            "print(isinstance(context, Context), context.get(variable), Context)\n"
            "print(isinstance(contextvars.copy_context(), Context))\n"
            "kind = type(context)\n"
            "print(kind == Context == kind, {kind, Context})\n"
            "print(issubclass(type(context), Context), Context.run.__name__)\n"
            "print(variable in context, context.copy().run(lambda: 5))",
            id="class",
        ),
        pytest.param(
            "for arguments in [(1,), ()]:\n"
            "    try: print(type(Context(*arguments)))\n"
            "    except TypeError as exc: print(exc)",
            id="arguments",
        ),
        pytest.param(
            "try:\n    class Own(Context): pass\n"
            "except TypeError as exc: print(type(exc))",
            id="subclass",
        ),
        pytest.param(
            "import threading\n"
            "def start():\n"
            "    thread = threading.Thread(target=print, args=('in a thread',))\n"
            "    thread.start()\n"
            "    thread.join()\n"
            "Context().run(start)",
            id="thread",
        ),
        pytest.param(
            "import decimal\n"
            "decimal.getcontext().prec = 5\n"
            "decimal.DefaultContext.prec = 7\n"
            "Context().run(lambda: print(decimal.Decimal(1) / 3))",
            id="decimal",
        ),
        pytest.param(
            "import asyncio\n"
            "async def main():\n"
            "    loop = asyncio.get_running_loop()\n"
            "    loop.call_soon(print, 'soon', context=Context())\n"
            "    await asyncio.sleep(0)\n"
            "asyncio.run(main())",
            id="asyncio",
        ),
    ],
)
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    head = (
        "import contextvars, os, sys\nfrom contextvars import Context\n"
        "variable = contextvars.ContextVar('variable', default=1)\n"
    )
    assert_same(tmp_path, head + source, {"MINE": "mine"})


def test_the_server_makes_empty_ones(tmp_path: Path) -> None:
    with stand_ins():
        assert len(contextvars.Context()) == 0
        assert type(contextvars.Context()) is PLAIN
        run_file(save(tmp_path / "script.py", "print(1)"))
    assert contextvars.Context is PLAIN
