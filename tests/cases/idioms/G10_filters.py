import warnings

print("Content-Type: text/plain\n")
for filter in warnings.filters:
    print(*filter)
