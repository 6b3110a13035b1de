import logging

print("Content-Type: text/plain\n")
logging.getLogger("app").warning("nobody has configured anything")
logging.getLogger("app").info("nobody hears this")
print(logging.getLogger().handlers, logging.lastResort)
