import os

print("Content-Type: text/plain\n")
print(os.popen("cat").read())
print(repr(os.popen("cat").read()))
