"""Chapter H of the catalogue: frameworks and real programs."""

from tests.idioms import Row, post

# Those that say "thread".
ENTRIES = "H01 H02 H03 H04 H05 H10"

_CALL = (
    "<?xml version='1.0'?><methodCall><methodName>{}</methodName>"
    "<params>{}</params></methodCall>"
)
_INT = "<param><value><int>{}</int></value></param>"


def _call(name: str, *numbers: int) -> bytes:
    return _CALL.format(name, "".join(map(_INT.format, numbers))).encode()


ROWS = (
    Row("H01_wsgi.py", "/a%20b?x=1&y=2", expect=b"PATH_INFO=/a b\nQUERY_STRING=x=1"),
    post("H01_wsgi.py", b"content", "text/plain", expect=b"b'content'\n7\n"),
    post("H01_wsgi.py", b"x" * 100_000, target="?large", expect=b"\n100000\n"),
    Row("H01_wsgi.py", "/error", status=500, expect=b"A server error occurred"),
    Row("H01_wsgi.py", "/late-error", expect=b"first\n", log="ValueError: later"),
    Row("H01_wsgi.py", "/write", status=201, expect=b"written\nreturned\n"),
    Row("H01_wsgi.py", "/nothing", status=204),
    Row("H01_wsgi.py", "/file", expect=b"An application for a server of WSGI"),
    Row("H01_wsgi.py", "/exc-info", status=500, expect=b"told"),
    Row("H01_own_app.py", "/p", expect=b"path /p\npath /p\npath /p\n"),
    Row("H01_server_in_script.py", expect=b"b'path /x'"),
    Row("H02_framework.py", "/", expect=b"H02_framework\n/"),
    Row("H02_framework.py", "/template", expect=b"a template"),
    Row("H02_framework.py", "/loader", expect=b"__main__ /"),
    Row("H02_framework.py", "/none", status=404, expect=b"not found"),
    Row("H03_lazy.py", expect=b"of the site H03_settings"),
    Row("H04_bottle.py", expect=b"hello from /cgi-bin/H04_bottle.py"),
    Row("H04_bottle.py", "/name?q", expect="hé q".encode()),
    Row("H04_bottle.py", "/none", status=404, expect=b"Not found: /none"),
    post("H05_flup.py", b"content", expect=b"method POST\ncontent"),
    Row("H05_flup.py", expect=b"method GET\n"),
    post("H10_xmlrpc.py", _call("pow", 2, 10), expect=b"<int>1024</int>"),
    post("H10_xmlrpc.py", _call("echo", 5), target="?echo", expect=b"<int>5</int>"),
    post("H10_xmlrpc.py", _call("divide", 1, 0), target="?z", expect=b"ZeroDivision"),
    post("H10_xmlrpc.py", _call("_hidden"), target="?h", expect=b"is not supported"),
    post(
        *("H10_xmlrpc.py", _call("system.listMethods")),
        target="?methods",
        expect=b"system.multicall",
    ),
    post("H10_xmlrpc.py", b"nonsense", target="?bad", expect=b"ExpatError"),
    Row("H10_xmlrpc.py", status=400),
    Row("H10_docs.py", expect=b"A server"),
)
