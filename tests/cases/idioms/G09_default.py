"""The template of the contexts of new threads."""

import decimal
import threading

print("Content-Type: text/plain\n")
decimal.DefaultContext.prec = 12
decimal.setcontext(decimal.DefaultContext)
t = threading.Thread(target=lambda: print(decimal.Decimal(1) / 3))
t.start()
t.join()
print(decimal.Decimal(1) / 3)
