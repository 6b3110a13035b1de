import logging

print("Content-Type: text/plain\n")
logging.info("below the level")
logging.warning("the default goes to standard error")
logging.getLogger("app").error("of a logger")
print(len(logging.getLogger().handlers), logging.getLogger().handlers)
