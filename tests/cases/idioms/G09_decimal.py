import decimal
import threading
from decimal import Decimal, getcontext

print("Content-Type: text/plain\n")
print(getcontext().prec, Decimal(1) / 7)
getcontext().prec = 50
getcontext().rounding = decimal.ROUND_DOWN
getcontext().traps[decimal.Inexact] = False
print(Decimal(1) / 7)
with decimal.localcontext() as ctx:
    ctx.prec = 5
    print(Decimal(1) / 7)
print(getcontext().prec)
decimal.setcontext(decimal.Context(prec=9))
print(Decimal(2) / 3)
decimal.setcontext(decimal.BasicContext)
print(Decimal(2) / 3)
