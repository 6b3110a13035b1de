import os
import subprocess
import sys

print("Content-Type: text/plain\n")
for number in range(3):
    print("before", number)
    sys.stdout.flush()
    os.system("echo system %d" % number)
    subprocess.check_call(["echo", "check_call", str(number)])
print("end")
