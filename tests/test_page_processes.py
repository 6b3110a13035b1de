"""Pages in processes: what they have beyond those in threads, and what they have not.

What is the same for both is in test_pages_live.py.
"""

import time
from collections.abc import Iterator

import pytest

from tests.live import PATIENCE
from tests.live_site import Site
from tests.page_site import CONFIG, set_runner, start_pages, write_page
from tests.pool_process import find_python

PROCESS = set_runner(CONFIG, "process")
# Children are kept, but none runs a page.
KEPT = PROCESS + "pools: {runs_per_process: 3, processes: 2}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_pages(tmp_path_factory.mktemp("processes"), KEPT) as site:
        yield site


def show(site: Site, source: str) -> str:
    write_page(site, "page.py", source)
    reply = site.ask("/page.py")
    assert reply.status == 200, reply
    return reply.body.decode()


def test_what_a_process_alone_can_do(site: Site) -> None:
    source = """
        import os, signal, sys
        from httpout import response
        print("first")
        child = os.fork()
        if not child:
            print("child")
            os._exit(0)
        os.waitpid(child, 0)
        signal.signal(signal.SIGUSR1, lambda *_: print("signal"))
        os.kill(os.getpid(), signal.SIGUSR1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print("nowhere")
        print(sys.stdout.fileno(), sys.stdin.fileno(), file=sys.stderr)
        """
    assert show(site, source) == "first\nchild\nsignal\n"
    site.wait_for_log(r"page.py \w+\] 1 0")


@pytest.mark.parametrize("name", ["app", "websocket"])
def test_what_is_a_workers_says_why_it_is_not_here(site: Site, name: str) -> None:
    assert show(site, f"from httpout import *\nprint({name!r} in dir())") == "False\n"
    write_page(site, "missing.py", f"from httpout import {name}")
    reply = site.ask("/missing.py")
    assert reply.status == 500
    text = f"httpout.{name}: there is none for a page in a process of its own"
    assert text in reply.body.decode()
    assert "runner: thread" in reply.body.decode()


def test_each_page_has_globals_of_its_own(site: Site) -> None:
    write_page(site, "__globals__.py", "from beside import NAME\ncount = 0")
    write_page(site, "beside.py", "NAME = 'beside'")
    source = """
        from httpout import globals as shared
        __globals__.count += 1
        shared.count = shared.get("count", 0) + 1
        print(__globals__.count, __globals__.NAME, shared.count)
        """
    try:
        assert [show(site, source) for _ in range(2)] == ["1 beside 1\n"] * 2
        # Who asks for a password would not be asked: the page is not shown.
        write_page(site, "__globals__.py", "from httpout import app")
        reply = site.ask("/page.py")
        assert reply.status == 500
        text = (
            "GlobalsError: __globals__.py has failed: ImportError: httpout.app: there"
        )
        assert text in reply.body.decode()
        # So is what lies beside it, which the worker sends.
        write_page(site, "file.txt", "file")
        wait_for_status(site, "/file.txt", 500)
        site.wait_for_log("500: .*__globals__.py wants app, which there is with")
        write_page(site, "__globals__.py", "import missing_here")
        wait_for_status(site, "/file.txt", 200)
        assert site.ask("/page.py").status == 500
        site.wait_for_log(r"page.py \w+\] .*__globals__.py has failed")
        site.wait_for_log(r"page.py \w+\] ModuleNotFoundError: No module named")
    finally:
        (site.folder / "htdocs/__globals__.py").unlink()


def wait_for_status(site: Site, target: str, status: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while site.ask(target).status != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_header_section_of_any_size_and_many_changes(site: Site) -> None:
    source = """
        from httpout import response
        for number in range(80):
            response.append_header("X-Many", "x" * 700)
        """
    write_page(site, "many.py", source)
    assert site.ask("/many.py").all("X-Many") == ["x" * 700] * 80


def test_what_is_said_after_a_child_has_printed_is_too_late(site: Site) -> None:
    source = """
        import os
        from httpout import response
        response.set_status(202)
        response.set_content_type("text/plain")
        os.system("echo child; sleep 0.1")
        response.set_status(203)
        print("page")
        """
    write_page(site, "late.py", source)
    reply = site.ask("/late.py")
    assert (reply.status, reply.get("Content-Type")) == (202, "text/plain")
    assert reply.body == b"child\npage\n"


ENDS = [
    pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 502),
    pytest.param("import os\nos._exit(3)", 500),
    pytest.param(
        "import os\nfrom httpout import response\n"
        "response.set_status(404)\nos._exit(3)",
        404,
    ),
    pytest.param("raise KeyboardInterrupt", 500),
    pytest.param("import asyncio, os\nwait(asyncio.sleep(0))\nos.abort()", 502),
]


@pytest.mark.parametrize(("source", "status"), ENDS)
def test_ends_of_processes(site: Site, source: str, status: int) -> None:
    write_page(site, "end.py", source)
    assert site.ask("/end.py").status == status


def test_plain_scripts_and_pages_have_the_same_pool(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = KEPT.replace(
        "scripts: [", "scripts: [{url: /cgi-bin/, path: cgi-bin, runner: process}, "
    )
    config = config.replace("path: htdocs", "path: htdocs, timeout: 1s")
    config += "debug: true\n"
    with start_pages(tmp_path_factory.mktemp("mixed"), config) as site:
        site.write("a.py", "import os\nprint(f'X-A: {os.getpid()}\\n')")
        write_page(site, "page.py", "import os\nprint(os.getpid())")
        scripts = [site.ask("/cgi-bin/a.py").get("X-A") for _ in range(3)]
        pages = [site.ask("/page.py").body for _ in range(3)]
        assert len(set(pages)) == 3
        assert len(set(scripts)) < 3
        write_page(site, "fail.py", "def f():\n    1 / 0\nf()\n")
        reply = site.ask("/fail.py")
        assert reply.status == 500
        assert "line 2, in f" in reply.body.decode()
        assert "httpout_cgi" not in reply.body.decode()
        write_page(site, "long.py", "import asyncio\nwait(asyncio.sleep(1000))")
        assert site.ask("/long.py").status == 504


def test_a_page_gets_what_it_needs(tmp_path_factory: pytest.TempPathFactory) -> None:
    with start_pages(tmp_path_factory.mktemp("auto")) as site:
        write_page(site, "thread.py", "from httpout import app\nprint(app is not None)")
        source = "import os\nif not os.fork():\n    os._exit(0)\nprint(os.wait()[1])"
        write_page(site, "process.py", source)
        assert site.ask("/thread.py").body == b"True\n"
        assert site.ask("/process.py").body == b"0\n"


def test_pages_of_another_python(tmp_path_factory: pytest.TempPathFactory) -> None:
    python = find_python("3.8")
    if python is None:
        pytest.skip("Python 3.8 is not installed")
    config = f"{PROCESS}pools: {{python: {python}}}\n"
    with start_pages(tmp_path_factory.mktemp("other"), config) as site:
        source = """
            import local, sys

            async def main():
                await local.response.write(b"written\\n")
                return (await local.request.form())["a"], sys.version_info[:2]

            class Last:
                def __del__(self):
                    print("deleted")

            last = Last()
            print(*wait(main()))
            """
        write_page(site, "local.py", "from httpout import request, response")
        write_page(site, "page.py", source)
        kind = "Content-Type: application/x-www-form-urlencoded"
        for _ in range(3):
            reply = site.ask("/page.py", kind, method="POST", body=b"a=b")
            assert reply.body == b"written\n['b'] (3, 8)\ndeleted\n", reply
