import logging
import sys

print("Content-Type: text/plain\n")


class Logger(logging.Logger):
    def notice(self, text):
        self.log(25, "notice: " + text)


logging.setLoggerClass(Logger)
logging.basicConfig(stream=sys.stdout, format="%(message)s%(mark)s")
factory = logging.getLogRecordFactory()


def make(*args, **kw):
    record = factory(*args, **kw)
    record.mark = "!"
    return record


logging.setLogRecordFactory(make)
logging.getLogger("app.classes").setLevel(10)
logging.getLogger("app.classes").notice("of our class")
logging.getLogger("app.classes").warning("marked")
logging.raiseExceptions = False
logging.captureWarnings(True)
import warnings

warnings.warn("captured")
