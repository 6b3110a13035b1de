"""Each script logs into its own file; the query names it."""

import logging
import os

name = "G04_%s.log" % os.environ["QUERY_STRING"]
if os.path.exists(name):
    os.remove(name)
logging.basicConfig(filename=name, level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
logging.debug("root of %s", os.environ["QUERY_STRING"])
logging.getLogger("app.part").info("a child of the root")
print("Content-Type: text/plain\n")
print(open(name).read(), end="")
logging.basicConfig(filename="G04_ignored.log")
print(len(logging.getLogger().handlers), os.path.exists("G04_ignored.log"))
print(logging.getLogger().level, logging.getLogger("app.part").getEffectiveLevel())
