"""What scripts change ends with them: neither the next run nor one beside it sees it.

Two threads: while one run is held with all that it has changed, the others have the
other thread, one after another.
"""

import difflib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.idiom_plays import play_child, play_live
from tests.idiom_stage import Outcome, Stage, set_stage
from tests.idioms import Play, Row

# Those that change something for which there is a probe.
SCRIPTS = (
    *("A17_mutation.py", "A17_replaced.py"),
    *("E08_activate.py", "E08_addsitedir.py", "E14_spec.py", "E17_cache.py"),
    *("E21_patch.py", "E21_by_helper.py", "E21_dunder.py"),
    *("F08_exception.py", "F12_policy.py", "F12_event_loop.py", "F13_never_fires.py"),
    *("F14_handlers.py", "F14_sigpipe.py", "F15_sigchld.py", "F18_umask.py"),
    *("F19_chdir.py", "F19_gone.py", "F26_recursion.py", "F26_deep.py", "F27_gc.py"),
    *("G02_install.py", "G02_translation.py", "G04_basic_config.py", "G04_config.py"),
    *("G04_to_stdout.py", "G04_server.py", "G05_add_handler.py", "G05_classes.py"),
    *("G08_seed.py", "G09_decimal.py", "G09_default.py", "G10_warnings.py"),
)

BUSY = b"[Errno 11] Resource temporarily unavailable\n"
Opens = Callable[[Stage, Row], AbstractContextManager[Play]]

# The size stays the same, and often the second in which it was written.
EDITED = """\
import inspect, traceback
print("Content-Type: text/plain\\n")
def function():
    return 1 / 0  # {}
print(inspect.getsource(function))
try:
    function()
except ZeroDivisionError:
    print(traceback.format_exc())
"""

PRISTINE = Row("pristine.py")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("effects")
    with set_stage(folder, "threads: 2\n") as stage:
        yield stage


def compare(stage: Stage, pristine: Outcome) -> list[str]:
    """Return the lines in which a run now differs from a child process."""
    found = stage.perform_live(PRISTINE, pristine.errors)[0]
    lines = difflib.ndiff(_split(pristine), _split(found))
    return [line for line in lines if line[0] in "-+"]


def _split(outcome: Outcome) -> list[str]:
    return repr(outcome).replace("\\n", "\n").split("\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_changes_ends_with_it(stage: Stage, script: str) -> None:
    pristine = stage.perform_child(PRISTINE)
    assert pristine.status == 200
    with play_live(stage, Row(f"hold.py/{script}")) as held:
        held.read_until(b"HELD\n")
        assert not compare(stage, pristine), "beside it"

        after, log = stage.perform_live(Row(script, "?after"))
        assert after.status == 200, log
        assert not compare(stage, pristine), "behind it"

        held.open_gate("0")
        held.read_rest()
    assert not compare(stage, pristine), "behind both"


@pytest.mark.parametrize("play", [play_live, play_child])
def test_locks_of_a_run_hold_for_all_others(stage: Stage, play: Opens) -> None:
    tried = [Row("F21_tried.py", f"?{kind}") for kind in ("flock", "lockf")]
    with play(stage, Row("F21_held.py")) as held:
        held.read_until(b"locked\n")
        for row in tried:
            assert stage.perform_live(row)[0].body == BUSY
            assert stage.perform_child(row).body == BUSY
        held.open_gate("0")
        assert held.read_rest() == b"released\n"
    for row in tried:
        assert stage.perform_live(row)[0].body == b"free\n"


def test_the_source_shown_is_that_of_the_run(stage: Stage) -> None:
    script = stage.folder / "E12_itself.py"
    for word in ("one", "two", "six"):
        script.write_text(EDITED.format(word))
        body = stage.perform_live(Row(script.name))[0].body.decode()
        # By inspect, and by traceback.
        assert body.count(f"return 1 / 0  # {word}\n") == 2, body
