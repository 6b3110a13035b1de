import decimal

print("Content-Type: text/plain\n")
context = decimal.getcontext()
print(context.prec, context.rounding, decimal.Decimal(1) / 7)
print(decimal.DefaultContext.prec, decimal.BasicContext.prec)
print(context.flags[decimal.Inexact], context.traps[decimal.Inexact])
