"""What a script assigns in a class of a shared module reaches no other run."""

from __future__ import annotations

import http.client
import json
import logging
import textwrap
import threading
import types
from pathlib import Path
from typing import Callable, Iterator

import pytest
from httpout_cgi.interpreter.refusals import ProcessNeededError

from tests.interpreter.meetings import paused
from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Result]]:
    with stand_ins():
        yield lambda source: run_file(save(tmp_path / "script.py", source))


SHOW = """
    import json, logging, http.client, string, sys, time
    def show():
        record = logging.makeLogRecord({"created": 86400.0 * 365, "msecs": 7})
        for kind in logging.Formatter, type("Mine", (logging.Formatter,), {}):
            print(kind().formatTime(record), kind.converter is time.gmtime)
        try:
            print(json.dumps({"a": {1}}))
        except TypeError as exc:
            print(exc)
        connection = http.client.HTTPConnection("localhost")
        print(connection.debuglevel, hasattr(http.client.HTTPConnection, "mine"))
        print(logging.Formatter.default_msec_format, string.Template.delimiter)
    show()
    """
CASES = {
    "converter": "logging.Formatter.converter = time.gmtime",
    "function": """
        def local(*arguments):
            print(len(arguments))
            return time.gmtime(0)
        logging.Formatter.converter = local
        print(logging.Formatter.converter is local)
        """,
    "method": """
        json.JSONEncoder.default = lambda self, value: list(value)
        """,
    "staticmethod": """
        json.JSONEncoder.default = staticmethod(lambda value: list(value))
        """,
    "super": """
        class Mine(json.JSONEncoder):
            def default(self, value):
                try:
                    super().default(value)
                except TypeError as exc:
                    return str(exc)
        print(json.dumps({1}, cls=Mine))
        json.JSONEncoder.default = lambda self, value: int([])
        class Other(Mine):
            def default(self, value):
                try:
                    return super().default(value)
                except TypeError as exc:
                    return str(exc)
        print(json.dumps({1}, cls=Other))
        """,
    "new": "http.client.HTTPConnection.mine = 1",
    "in place": "http.client.HTTPConnection.debuglevel += 2",
    "twice": """
        for level in range(3):
            http.client.HTTPConnection.debuglevel = level
            show()
        """,
    "delete": """
        http.client.HTTPConnection.mine = 1
        show()
        del http.client.HTTPConnection.mine
        show()
        try:
            del http.client.HTTPConnection.mine
        except AttributeError as exc:
            print(type(exc))
        """,
    "delete what was there": """
        del logging.Formatter.converter
        print(hasattr(logging.Formatter, "converter"))
        try:
            logging.Formatter().converter
        except AttributeError as exc:
            print(exc)
        logging.Formatter.converter = time.gmtime
        """,
    "inherited": """
        http.client.HTTPSConnection.mine = 1
        http.client.HTTPSConnection.debuglevel = 5
        print(http.client.HTTPSConnection("localhost").debuglevel)
        del http.client.HTTPSConnection.debuglevel
        print(http.client.HTTPSConnection("localhost").debuglevel)
        print(http.client.HTTPSConnection.__init__ is not None)
        """,
    "inherited method": """
        logging.StreamHandler.filter = lambda self, record: record.levelno > 30
        handler = logging.StreamHandler(sys.stdout)
        logging.getLogger().addHandler(handler)
        logging.warning("not shown")
        logging.error("shown")
        """,
    "setattr": """
        setattr(logging.Formatter, "conver" + "ter", time.gmtime)
        setattr(http.client.HTTPConnection, "mine", 1)
        delattr(http.client.HTTPConnection, "mine")
        """,
    "aliases": """
        import logging as l, http.client as h
        l.Formatter.converter = time.gmtime
        h.HTTPConnection.mine = 1
        from http import client as c
        c.HTTPConnection.debuglevel = 3
        """,
    "in a function": """
        def change():
            import logging as own
            own.Formatter.converter = time.gmtime
            logging.Formatter.default_msec_format = "%s.%03d"
        change()
        """,
    "loops": """
        for logging.Formatter.default_msec_format in ["%s;%03d"]:
            show()
        """,
    "own classes": """
        class Encoder(json.JSONEncoder):
            pass
        Encoder.default = lambda self, value: 7
        setattr(Encoder, "mine", 8)
        print(json.dumps({1}, cls=Encoder), Encoder.mine)
        """,
    "copies": """
        a = b = logging.Formatter
        print(a is b is logging.Formatter, 0 < logging.Formatter.__basicsize__ < 9**9)
        print(isinstance(logging.Formatter(), logging.Formatter))
        logging.Formatter.converter = time.gmtime
        """,
    "immutable": """
        import datetime
        try:
            datetime.datetime.mine = 1
        except TypeError as exc:
            print(exc)
        """,
}


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    script = f"{textwrap.dedent(SHOW)}\n{textwrap.dedent(source)}\nshow()\n"
    before = dict(vars(logging.Formatter)), dict(vars(http.client.HTTPConnection))
    assert_same(tmp_path, script, {"TZ": "UTC"})
    after = dict(vars(logging.Formatter)), dict(vars(http.client.HTTPConnection))
    assert after == before


def test_runs_at_the_same_time_do_not_meet(
    tmp_path: Path, run: Callable[[str], Result]
) -> None:
    source = """
        import json, logging, meeting, time
        json.JSONEncoder.default = lambda self, value: "mine"
        logging.Formatter.converter = time.gmtime
        meeting.pause()
        print(json.dumps({1}), logging.Formatter.converter is time.gmtime)
        """
    with paused(save(tmp_path / "paused.py", source)) as first:
        result = run(
            """
            import json, logging, time
            print(logging.Formatter.converter is time.localtime)
            json.JSONEncoder.default = lambda self, value: "other"
            print(json.dumps({1}))
            """
        )
        assert result.text == 'True\n"other"\n'
        with pytest.raises(TypeError):
            json.dumps({1})
        assert logging.Formatter.converter.__name__ == "localtime"
        assert first.result().text == '"mine" True\n'


def test_threads_of_the_run_see_it(run: Callable[[str], Result]) -> None:
    source = """
        import json, threading
        json.JSONEncoder.default = lambda self, value: "mine"
        thread = threading.Thread(target=lambda: print(json.dumps({1})))
        thread.start()
        """
    assert run(source).text == '"mine"\n'


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        pytest.param(
            "from json import JSONEncoder\nJSONEncoder.default = repr",
            "setting json.JSONEncoder.default",
            id="from import",
        ),
        pytest.param(
            "from json import JSONEncoder as E, loads\nE.default = repr",
            "setting json.JSONEncoder.default",
            id="from import as",
        ),
        pytest.param(
            "def f():\n from json import JSONEncoder as E\n E.default = repr\nf()",
            "setting json.JSONEncoder.default",
            id="from import in a function",
        ),
        pytest.param(
            "json.JSONEncoder.__init__ = None",
            "setting json.encoder.JSONEncoder.__init__",
            id="special",
        ),
        pytest.param(
            "import threading\nthreading.Thread.name = 1",
            "setting threading.Thread.name",
            id="property",
        ),
        pytest.param(
            "import http\nhttp.HTTPStatus.mine = 1", "HTTPStatus.mine", id="metaclass"
        ),
        pytest.param("json.JSONEncoder = None", "setting json.JSONEncoder", id="class"),
        pytest.param("del json.JSONEncoder", "setting json.JSONEncoder", id="delete"),
    ],
)
def test_what_could_not_be_the_runs_is_refused(
    run: Callable[[str], Result], statement: str, change: str
) -> None:
    before = dict(vars(json)), dict(vars(json.JSONEncoder))
    # The second time, the class is watched.
    run("import json\nif str(): json.JSONEncoder.mine = 1")
    for _ in range(2):
        failure = run(f"import json\n{statement}").failure
        assert failure is not None
        assert ProcessNeededError.__name__ in failure
        assert change in failure
    after = dict(vars(json)), dict(vars(json.JSONEncoder))
    assert after == before
    assert threading.Thread(name="x").name == "x"


def test_importing_a_class_to_use_it_is_no_reason(run: Callable[[str], Result]) -> None:
    source = """
        from json import JSONEncoder, JSONDecoder
        from json import *
        import json
        class Own(JSONEncoder): pass
        Own.default = lambda self, value: 1
        if str(): json.JSONEncoder.mine = json.JSONDecoder.mine = 1
        print(dumps({1}, cls=Own), JSONDecoder is json.JSONDecoder, Own.__mro__[1:2])
        print(getattr(json, "JSONEncoder") is JSONEncoder)
        """
    expected = "1 True (<class 'json.encoder.JSONEncoder'>,)\nTrue\n"
    assert [run(source).text, run(source).text] == [expected, expected]


def test_libraries_and_the_server_may(
    tmp_path: Path, run: Callable[[str], Result]
) -> None:
    assert run("import json\nif str(): json.JSONEncoder.mine = 1").failure is None
    kind = json.JSONEncoder
    kind.mine = 1  # type: ignore[attr-defined]
    assert run("import json\nprint(json.JSONEncoder.mine)").text == "1\n"
    del kind.mine  # type: ignore[attr-defined]
    json.JSONEncoder = kind  # type: ignore[misc]
    assert run("import json\nprint(json.JSONEncoder.__name__)").text == "JSONEncoder\n"
    del json.JSONEncoder
    try:
        assert not hasattr(json, "JSONEncoder")
        with pytest.raises(AttributeError, match="has no attribute 'JSONEncoder'"):
            _ = json.JSONEncoder
    finally:
        json.JSONEncoder = kind  # type: ignore[misc]


def test_uninstalling_leaves_everything_plain(tmp_path: Path) -> None:
    before = dict(vars(json.JSONEncoder))
    with stand_ins():
        source = "import json\njson.JSONEncoder.default = json.JSONEncoder.mine = 1"
        run_file(save(tmp_path / "script.py", source))
        assert dict(vars(json.JSONEncoder)) != before
        assert type(json) is not types.ModuleType
    assert type(json) is types.ModuleType
    assert dict(vars(json.JSONEncoder)) == before
