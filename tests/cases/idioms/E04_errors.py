"""What cannot be imported, and how it says so."""

import sys
import traceback

print("Content-Type: text/plain\n")
for line in (
    "import E04_missing",
    "import E04_helper.missing",
    "from E04_helper import missing",
    "import E04_pkg.missing",
    "from E04_pkg import missing",
    "import E04_missing.deeper",
    "import E04_broken",
    "import E04_broken",
    "import E04_raises",
):
    try:
        exec(line)
    except Exception as exc:
        print(line, "->", type(exc).__name__, exc, getattr(exc, "name", None))
print(sorted(n for n in sys.modules if n.startswith("E04_")))
try:
    import E04_raises
except ZeroDivisionError:
    print(traceback.format_exc().splitlines()[-3:])
try:
    import E04_fast as fast
except ImportError:
    import E04_late as fast
print(fast.word)
