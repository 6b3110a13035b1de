"""A local module has a logger at its top, as libraries do."""

import logging
import sys

import G05_module

print("Content-Type: text/plain\n")
G05_module.work()
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(message)s")
G05_module.work()
print(G05_module.log is logging.getLogger("G05_module"), G05_module.log.parent is logging.root)
print(logging.getLogger("G05_module.deeper").parent is G05_module.log)
