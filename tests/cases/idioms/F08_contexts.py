"""A new thread has a context of its own, before Python 3.14."""

import contextvars
import decimal
import threading

variable = contextvars.ContextVar("variable", default="default")
print("Content-Type: text/plain\n")
variable.set("of the script")
decimal.getcontext().prec = 5


def work():
    print(variable.get(), decimal.getcontext().prec)
    variable.set("of the thread")


t = threading.Thread(target=work)
t.start()
t.join()
print(variable.get(), decimal.Decimal(1) / 3)
contextvars.copy_context().run(work)
