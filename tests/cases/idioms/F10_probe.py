import os
import time

print("Content-Type: text/plain\n", flush=True)
name = "F10_go." + os.environ["QUERY_STRING"]
open(name, "w").close()
for _ in range(20):
    print("pristine", flush=True)
    time.sleep(0.01)
os.remove(name)
