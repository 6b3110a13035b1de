"""What a script does to logging is as in its own process, and ends with the run."""

from __future__ import annotations

import gc
import logging
import logging.config
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Dict, Iterator

import pytest
from httpout_cgi.interpreter import context

from tests.interpreter.meetings import paused
from tests.interpreter.script_runs import Result, run_file, save, stand_ins


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    with stand_ins():
        yield


def run(tmp_path: Path, source: str) -> Result:
    return run_file(save(tmp_path / "script.py", source))


HEAD = "import io, logging, logging.config, logging.handlers, sys, warnings\n"

SCRIPTS = {
    "G04 basicConfig": """
        logging.basicConfig(filename="app.log", level=logging.DEBUG)
        logging.debug("to the file")
        logging.getLogger("a.b").info("this, too")
        """,
    "a second basicConfig is ignored": """
        logging.basicConfig(filename="app.log")
        logging.basicConfig(filename="other.log")
        logging.error("x")
        """,
    "G05 addHandler": """
        handler = logging.StreamHandler(sys.stdout)
        logging.getLogger().addHandler(handler)
        print(len(logging.getLogger().handlers), logging.root.hasHandlers())
        logging.getLogger("a").warning("x")
        """,
    "unconfigured": """
        logging.getLogger("a").warning("last resort")
        logging.getLogger("a").info("nothing")
        print(logging.root, logging.root.handlers, logging.getLogger("a.b").parent)
        logging.warning("configures")
        """,
    "a log of its own": """
        log = logging.getLogger(__name__)
        log.propagate = False
        log.setLevel("INFO")
        log.addHandler(logging.FileHandler("app.log", delay=True))
        log.addFilter(lambda record: "no" not in record.msg)
        log.info("yes"); log.info("no"); log.debug("yes")
        """,
    "levels are inherited": """
        logging.basicConfig(stream=sys.stdout)
        child = logging.getLogger("a.b.c")
        print(child.isEnabledFor(10))
        logging.getLogger("a").setLevel(10)
        print(child.isEnabledFor(10), child.getEffectiveLevel(), child.parent.name)
        logging.getLogger("a.b")
        print(child.parent.name, child.getChild("d").name)
        child.debug("x")
        """,
    "disabled": """
        logging.basicConfig(stream=sys.stdout)
        logging.disable(logging.ERROR)
        logging.error("no"); logging.critical("yes")
        logging.disable(logging.NOTSET)
        logging.getLogger("a").disabled = True
        logging.getLogger("a").error("no"); logging.error("yes")
        """,
    "names of levels": """
        logging.addLevelName(5, "TRACE")
        logging.basicConfig(level="TRACE", stream=sys.stdout)
        logging.log(5, "x")
        print(logging.getLevelName(5), logging.getLevelName("TRACE"))
        print(logging._nameToLevel["TRACE"], logging._checkLevel("TRACE"))
        """,
    "a class of its own": """
        class Logger(logging.Logger):
            def shout(self, text): self.error(text.upper())
        logging.setLoggerClass(Logger)
        print(logging.getLoggerClass() is Logger)
        logging.basicConfig(stream=sys.stdout)
        log = logging.getLogger("a.b")
        logging.getLogger("a").setLevel("CRITICAL")
        log.shout("no"); print(log.parent.name, type(log).__name__)
        log.setLevel("INFO"); log.shout("yes")
        single = Logger("c"); print(single.parent)
        """,
    "no class": """
        try: logging.setLoggerClass(int)
        except TypeError as exc: print(exc)
        try: logging.getLogger(3)
        except TypeError as exc: print(exc)
        """,
    "records of its own": """
        class Record(logging.LogRecord):
            def getMessage(self): return "<" + super().getMessage() + ">"
        logging.setLogRecordFactory(Record)
        print(logging.getLogRecordFactory() is Record)
        logging.basicConfig(stream=sys.stdout)
        logging.error("x")
        """,
    "no last resort": """
        logging.lastResort = None
        logging.getLogger("a").error("x"); logging.getLogger("a").error("y")
        print(logging.lastResort)
        """,
    "errors in handlers": """
        logging.basicConfig(stream=sys.stdout)
        logging.raiseExceptions = False
        logging.error("%d", "x")
        print(logging.raiseExceptions, logging.logThreads)
        """,
    "faster records": """
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = 0
        logging._srcfile = None
        logging.basicConfig(format="%(thread)s %(process)s %(filename)s %(message)s")
        logging.error("x")
        """,
    "captureWarnings": """
        warnings.simplefilter("always")
        logging.captureWarnings(True); logging.captureWarnings(True)
        logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s")
        warnings.warn("x")
        logging.captureWarnings(False); logging.captureWarnings(False)
        warnings.warn("y")
        """,
    "dictConfig": """
        before = logging.getLogger("before")
        logging.config.dictConfig({
            "version": 1,
            "formatters": {"short": {"format": "%(levelname)s %(name)s %(message)s"}},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "formatter": "short",
                        "stream": "ext://sys.stdout"},
                "file": {"class": "logging.FileHandler", "filename": "app.log"},
            },
            "loggers": {"app": {"handlers": ["file"], "level": "DEBUG"}},
            "root": {"handlers": ["out"], "level": "INFO"},
        })
        logging.getLogger("app.x").debug("x"); before.error("no")
        logging.getLogger("app.x").info("y"); logging.info("z")
        print(before.disabled, sorted(logging._handlers))
        logging.config.dictConfig({"version": 1, "incremental": True,
                                   "root": {"level": "ERROR"}})
        logging.info("no")
        """,
    "fileConfig": """
        logging.config.fileConfig(io.StringIO('''
        [loggers]
        keys=root
        [handlers]
        keys=out
        [formatters]
        keys=
        [logger_root]
        handlers=out
        level=INFO
        [handler_out]
        class=StreamHandler
        args=(sys.stdout,)
        '''.replace("        ", "")))
        logging.info("x")
        """,
    "shutdown": """
        logging.basicConfig(filename="app.log")
        logging.error("x")
        logging.shutdown()
        print(logging.root.handlers[0].stream)
        """,
    "buffered to the end": """
        target = logging.FileHandler("app.log")
        handler = logging.handlers.MemoryHandler(100, target=target)
        logging.getLogger().addHandler(handler)
        import atexit; atexit.register(logging.error, "the last")
        logging.error("x")
        """,
    "handlers with names": """
        handler = logging.NullHandler(); handler.name = "null"
        print(list(logging._handlers), logging._handlers["null"] is handler)
        handler.name = "other"; handler.close()
        print(handler.name, list(logging._handlers), handler)
        """,
    "handlers are removed": """
        logging.basicConfig(stream=sys.stdout)
        for handler in logging.root.handlers[:]: logging.root.removeHandler(handler)
        logging.root.handlers = []
        logging.basicConfig(stream=sys.stderr); logging.error("x")
        logging.basicConfig(stream=sys.stdout, force=True); logging.error("y")
        """,
    "the tree": """
        logging.getLogger("a.b")
        names = logging.root.manager.loggerDict
        print("a.b" in names, type(names["a.b"]).__name__)
        print(logging.getLogger("") is logging.root, logging.Logger.root.name)
        logging.root.name = "top"; print(logging.root)
        """,
    "a child that is assigned": """
        log = logging.getLogger("a.b"); log.parent = logging.getLogger("c")
        logging.getLogger("c").setLevel(10); print(log.isEnabledFor(10))
        """,
    "a manager of its own": """
        manager = logging.Manager(logging.RootLogger(10))
        log = manager.getLogger("a.b"); print(log.parent.name, log.isEnabledFor(10))
        print(manager.getLogger("a"), log.parent.name, logging.getLogger("a.b") is log)
        """,
    "attributes that are not there": """
        for kind in logging.StreamHandler, logging.Logger:
            for name in "stream", "level":
                try: print(getattr(kind.__new__(kind), name))
                except AttributeError as exc: print(exc)
        """,
    "times": """
        record = logging.makeLogRecord({"msg": "x"})
        print(0 <= record.relativeCreated < 60_000, record.getMessage())
        """,
    "threads": """
        import threading
        logging.basicConfig(stream=sys.stdout, format="%(threadName)s %(message)s")
        thread = threading.Thread(target=logging.error, args=("x",), name="T")
        thread.start(); thread.join()
        """,
    "adapters and queues": """
        import queue
        messages = queue.Queue()
        logging.getLogger("a").addHandler(logging.handlers.QueueHandler(messages))
        listener = logging.handlers.QueueListener(
            messages, logging.StreamHandler(sys.stdout))
        listener.start()
        logging.LoggerAdapter(logging.getLogger("a"), {}).error("x")
        listener.stop()
        """,
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_logging_is_as_in_a_process_of_its_own(tmp_path: Path, name: str) -> None:
    source = SCRIPTS[name]
    script = save(tmp_path / "own" / "script.py", "")
    script.write_text(HEAD + "\n".join(line[8:] for line in source.split("\n")))
    child = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=script.parent,
        check=True,
    )
    log = script.parent / "app.log"
    expected = child.stdout, child.stderr.splitlines(), read(log)
    for _ in range(2):
        if log.exists():
            log.unlink()
        before = state_of_process()
        result = run_file(script)
        assert result.failure is None
        assert (result.text, result.log, read(log)) == expected
        assert state_of_process() == before


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def state_of_process() -> Dict[str, object]:
    """Return copies of what any of the scripts above might have changed."""
    gc.collect()
    manager = logging.root.manager
    loggers = [logging.root, *manager.loggerDict.values()]
    values = [{**vars(each), "_cache": None} for each in loggers]
    for each in values:
        each["handlers"] = list(each.get("handlers", ()))
    names = ["raiseExceptions", "lastResort", "logThreads", "_srcfile", "_startTime"]
    containers = ["_handlers", "_handlerList", "_levelToName", "_nameToLevel"]
    return {
        **{name: getattr(logging, name) for name in names},
        **{name: list(getattr(logging, name)) for name in containers},
        "loggers": values,
        "names": list(manager.loggerDict),
        "disable": manager.disable,
        "class": logging.getLoggerClass(),
        "factory": logging.getLogRecordFactory(),
    }


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    first = save(
        tmp_path / "first.py",
        """
        import logging, meeting, sys
        logging.basicConfig(filename="first.log", level=logging.DEBUG)
        log = logging.getLogger("same.name")
        log.addHandler(logging.StreamHandler(sys.stdout))
        logging._lock.acquire()
        logging.root.handlers[0].acquire()
        meeting.pause()
        log.debug("mine")
        """,
    )
    with paused(first) as other:
        result = run(
            tmp_path,
            """
            import logging, logging.config
            log = logging.getLogger("same.name")
            print(log.handlers, log.level, logging.root.handlers, logging.root.level)
            log.error("not yours")
            logging.config.dictConfig({"version": 1})
            logging.shutdown()
            """,
        )
        assert result.failure is None
        assert result.text == "[] 0 [] 30\n"
        assert result.log == ["not yours"]
        outside = logging.getLogger("same.name")
        assert (outside.handlers, outside.isEnabledFor(10)) == ([], False)
        assert other.result().text == "mine\n"
    assert (tmp_path / "first.log").read_text() == "DEBUG:same.name:mine\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library that all runs share; its loggers are known to the process."""
    folder = tmp_path / "site"
    source = """
        import logging
        from logging import _nameToLevel as levels, _lock as lock
        from . import part
        log = logging.getLogger(__name__)
        log.addHandler(logging.NullHandler())
        default = logging.StreamHandler()
        late = None
        def speak(): log.debug("I speak"); part.log.debug("and I")
        def speak_late():
            global late
            if late is None: late = logging.getLogger("loud_library.late")
            late.warning("late")
        """
    save(folder / "loud_library" / "__init__.py", source)
    part = "import logging; log = logging.getLogger(__name__); log.info('imported')"
    save(folder / "loud_library" / "part.py", part)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in ("loud_library", "loud_library.part"):
        sys.modules.pop(name, None)
        logging.root.manager.loggerDict.pop(name, None)


USE = """
    import logging
    logging.getLogger("loud_library").setLevel(logging.DEBUG)
    logging.basicConfig(filename="app.log", level=logging.INFO)
    import loud_library
    print(logging.getLogger("loud_library") is loud_library.log)
    print(loud_library.log.handlers, loud_library.part.log.parent.name)
    loud_library.speak()
    """


@pytest.mark.usefixtures("site")
def test_a_shared_library_logs_to_the_handlers_of_the_script(tmp_path: Path) -> None:
    folder = tmp_path / "cgi-bin"
    lines = "DEBUG:loud_library:I speak\nDEBUG:loud_library.part:and I\n"
    for imported in ("INFO:loud_library.part:imported\n", ""):
        result = run(folder, USE)
        assert result.text == "True\n[<NullHandler (NOTSET)>] loud_library\n"
        assert (folder / "app.log").read_text() == imported + lines
        (folder / "app.log").unlink()
    quiet = run(folder, "import loud_library as l; l.speak(); print(l.log.level)")
    assert (quiet.text, quiet.log) == ("0\n", [])


@pytest.mark.usefixtures("site")
def test_the_root_of_a_tree_that_a_library_has_not_named(tmp_path: Path) -> None:
    source = """
        import logging, sys
        first = logging.getLogger("loud_library.part.deep")
        logging.basicConfig(stream=sys.stdout)
        import loud_library.part as part
        print(first.parent.name, part.log.parent.name, part.log.isEnabledFor(20))
        logging.getLogger("loud_library").setLevel(20)
        print(part.log.isEnabledFor(20))
        """
    expected = "loud_library.part loud_library False\nTrue\n"
    for _ in range(2):
        assert run(tmp_path / "cgi-bin", source).text == expected


@pytest.mark.usefixtures("site")
def test_a_logger_that_a_library_keeps_is_nobodys(tmp_path: Path) -> None:
    folder = tmp_path / "cgi-bin"
    source = """
        import logging, loud_library, sys
        logging.getLogger("loud_library.late").addHandler(
            logging.StreamHandler(sys.stdout))
        loud_library.speak_late()
        """
    assert run(folder, source).text == "late\n"
    assert run(folder, source).text == "late\n"
    result = run(folder, "import loud_library; loud_library.speak_late()")
    assert (result.text, result.log) == ("", [])


@pytest.mark.usefixtures("site")
def test_a_class_of_the_script_serves_a_library_that_comes_later(
    tmp_path: Path,
) -> None:
    source = """
        import logging, sys
        class Loud(logging.Logger):
            pass
        logging.setLoggerClass(Loud)
        log = logging.getLogger("loud_library")
        log.addHandler(logging.StreamHandler(sys.stdout))
        log.setLevel(10)
        import loud_library
        loud_library.speak()
        """
    assert run(tmp_path / "cgi-bin", source).text == "I speak\nand I\n"
    assert logging.getLoggerClass() is logging.Logger
    assert type(sys.modules["loud_library"].log) is logging.Logger


@pytest.mark.usefixtures("site")
def test_handlers_of_a_library_are_changed_for_one_run(tmp_path: Path) -> None:
    source = """
        import logging, loud_library as l, sys
        print(l.default.level, l.default.formatter, l.default.filters)
        l.default.setFormatter(logging.Formatter("<%(message)s>"))
        l.default.setLevel(40); l.default.addFilter(print)
        l.default.stream = sys.stdout
        l.default.removeFilter(print)
        l.default.acquire()
        logging.root.addHandler(l.default); logging.error("x"); logging.warning("y")
        """
    for _ in range(2):
        assert run(tmp_path / "cgi-bin", source).text == "0 None []\n<x>\n"


@pytest.mark.usefixtures("site")
def test_a_handler_of_a_library_is_never_locked_for_others(tmp_path: Path) -> None:
    source = """
        import loud_library, meeting
        loud_library.default.acquire()
        loud_library.lock.acquire()
        meeting.pause()
        """
    folder = tmp_path / "cgi-bin"
    with paused(save(folder / "first.py", source)):
        second = """
            import loud_library as l
            print(l.default.lock.acquire(blocking=False))
            print(l.lock.acquire(blocking=False))
            l.lock.release()
            """
        assert run(folder, second).text == "True\nTrue\n"


@pytest.mark.usefixtures("site")
def test_what_a_library_has_bound_shows_the_run(tmp_path: Path) -> None:
    source = """
        import logging, loud_library as l
        logging.addLevelName(3, "LOW")
        print("LOW" in l.levels, l.levels["LOW"], len(l.levels) > 8)
        print("LOW" in [*l.levels], type(l.levels.copy()) is dict)
        """
    for _ in range(2):
        assert run(tmp_path / "cgi-bin", source).text == "True 3 True\nTrue True\n"
    assert "LOW" not in logging._nameToLevel


def test_the_servers_loggers_are_as_in_a_new_process(tmp_path: Path) -> None:
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    ours = [logging.getLogger("httpout_cgi.x"), logging.getLogger("asyncio")]
    for logger in (logging.root, *ours):
        logger.addHandler(handler)
    try:
        source = """
            import logging
            for name in ("", "httpout_cgi.x", "asyncio", "asyncio.y"):
                log = logging.getLogger(name)
                print(log.handlers, log.getEffectiveLevel(), log.propagate)
                log.error("mine")
            print([n for n in logging.root.manager.loggerDict if "httpout" in n][1:])
            """
        result = run(tmp_path, source)
        assert result.text == "[] 30 True\n" * 4 + "[]\n"
        assert result.log == ["mine"] * 4
        assert heard == []
        ours[0].error("the server's")
        assert heard == ["the server's"] * 2  # its own handler, and the root's
    finally:
        for logger in (logging.root, *ours):
            logger.removeHandler(handler)
        logging.root.manager.loggerDict.pop("httpout_cgi.x")


def test_outside_of_a_run_all_is_as_before(tmp_path: Path) -> None:
    known = dict(logging.root.manager.loggerDict)
    try:
        logging.addLevelName(5, "TRACE")
        assert logging.getLevelName("TRACE") == 5
        assert "TRACE" in logging._nameToLevel
        factory = logging.getLogRecordFactory()
        logging.setLogRecordFactory(factory)
        logging.captureWarnings(True)
        logging.captureWarnings(False)
        logging.setLoggerClass(logging.getLoggerClass())
        raises, logging.raiseExceptions = logging.raiseExceptions, False
        logging.raiseExceptions = raises
        child = logging.getLogger("outer.inner")
        assert logging.getLogger("outer").getChild("inner") is child
        assert child.parent is logging.getLogger("outer")
        child.parent = logging.root
        handler = logging.FileHandler(tmp_path / "x.log")
        handler.name = "x"
        child.addHandler(handler)
        child.warning("said")
        handler.close()
        assert (tmp_path / "x.log").read_text() == "said\n"
    finally:
        logging._nameToLevel.pop("TRACE", None)
        logging._levelToName.pop(5, None)
        logging.root.manager.loggerDict.clear()
        logging.root.manager.loggerDict.update(known)


def test_what_was_there_comes_back() -> None:
    context.uninstall()
    stood = dict(vars(logging))
    classes = (logging.Logger, logging.Handler, logging.Manager, logging.Filterer)
    before = [dict(vars(each)) for each in classes]
    with stand_ins():
        assert vars(logging) != stood
    assert vars(logging) == stood
    assert [dict(vars(each)) for each in classes] == before
    assert type(logging) is ModuleType
