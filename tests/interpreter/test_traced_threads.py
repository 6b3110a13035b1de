"""Who ends a run does not strike within a tracer, which may hold a lock of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

# As coverage: called for each event, and now and then it takes a lock, in another file.
TRACER = """
class Tracer:
    def __call__(self, frame, event, argument):
        return None
"""

COLLECTOR = """
import threading, time

lock = threading.Lock()
entered = threading.Event()
leave = threading.Event()

def hold():
    with lock:
        entered.set()
        while not leave.is_set():
            time.sleep(0.001)
"""

STRIKE = """
import sys, threading, time
sys.path[:0] = ["{folder}", "{root}"]
from tracers import collector, tracer
from httpout_cgi.interpreter import thread_exceptions

class Struck(BaseException):
    pass

seen = []

def work():
    try:
        collector.hold()
        seen.append("left")
        while True:
            time.sleep(0.001)
    except Struck as exc:
        here = exc.__traceback__
        while here.tb_next is not None:
            here = here.tb_next
        seen.append(here.tb_frame.f_code.co_name)

give_way = time.sleep
def let_it_leave(seconds):
    # Told when somebody waits for that.
    if seconds:
        collector.leave.set()
    give_way(seconds)
thread_exceptions._give_way = let_it_leave

thread = threading.Thread(target=work, daemon=True)
thread.start()
collector.entered.wait()
sys.settrace({tracer})
thread_exceptions.strike([thread.ident], Struck)
sys.settrace(None)
thread.join(10)
print(*seen, collector.lock.locked())
"""


def run(folder: Path, tracer: str) -> str:
    (folder / "tracers").mkdir()
    (folder / "tracers/tracer.py").write_text(TRACER)
    (folder / "tracers/collector.py").write_text(COLLECTOR)
    root = Path(__file__).resolve().parents[2]
    text = STRIKE.format(folder=folder, root=root, tracer=tracer)
    (folder / "strike.py").write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, str(folder / "strike.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr
    return done.stdout


def test_a_thread_is_struck_when_it_has_left_its_tracer(tmp_path: Path) -> None:
    assert run(tmp_path, "tracer.Tracer()") == "left work False\n"


def test_a_tracer_without_a_file_is_not_waited_for(tmp_path: Path) -> None:
    # Struck at once: hold() is of no tracer that anybody knows.
    assert run(
        tmp_path,
        "type('Tracer', (), {'__call__': lambda *_: None, '__module__': 'sys'})()",
    ) == ("hold False\n")
