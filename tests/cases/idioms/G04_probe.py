import logging

print("Content-Type: text/plain\n")
root = logging.getLogger()
print(root.handlers, root.level, root.filters, root.disabled, logging.root is root)
app = logging.getLogger("app")
print(app.handlers, app.level, app.propagate, app.filters, app.disabled)
print(sorted(n for n in root.manager.loggerDict if n.startswith(("app", "dict", "late"))))
print(root.manager.disable, logging.getLevelName(15), logging.getLevelName(30))
print(logging.getLoggerClass().__name__, logging.raiseExceptions, logging.lastResort)
print(logging.getLogRecordFactory().__name__)
print(logging.getLogger("other").isEnabledFor(logging.INFO))
