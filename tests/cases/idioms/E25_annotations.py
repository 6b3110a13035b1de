print("Content-Type: text/plain\n")
print(__annotations__)
number: int = 1
print(__annotations__)
