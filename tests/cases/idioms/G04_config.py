"""logging.config, and handlers that only write when the process ends."""

import logging
import logging.config
import logging.handlers
import sys

print("Content-Type: text/plain\n")
logging.config.dictConfig(
    {
        "version": 1,
        "formatters": {"short": {"format": "%(name)s:%(message)s"}},
        "handlers": {
            "page": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "short"}
        },
        "loggers": {"dict": {"handlers": ["page"], "level": "DEBUG", "propagate": False}},
        "root": {"level": "ERROR"},
    }
)
logging.getLogger("dict").debug("by dictConfig")
memory = logging.handlers.MemoryHandler(100, target=logging.StreamHandler(sys.stdout))
logging.getLogger("late").addHandler(memory)
logging.getLogger("late").setLevel("INFO")
logging.getLogger("late").info("flushed when the process ends")
print(logging.getLogger().level, "end of the script")
