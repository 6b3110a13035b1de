import os
import subprocess
import sys

print("Content-Type: text/plain\n", flush=True)
print(os.system("exit 3"), os.WEXITSTATUS(os.system("exit 4")), os.system("true"))
print(subprocess.call(["sh", "-c", "kill -9 $$"]), subprocess.run("exit 5", shell=True).returncode)
try:
    subprocess.check_call(["false"])
except subprocess.CalledProcessError as exc:
    print(exc)
try:
    subprocess.run(["/nonexistent/command"])
except FileNotFoundError as exc:
    print(exc)
try:
    subprocess.run(["sh", "-c", "read x"], stdin=subprocess.PIPE, timeout=0.05)
except subprocess.TimeoutExpired as exc:
    print(exc)
print(os.waitstatus_to_exitcode(os.system("exit 6")))
