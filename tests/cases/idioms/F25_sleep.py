import time

print("Content-Type: text/plain\n", flush=True)
begin = time.monotonic()
time.sleep(0.05)
print(time.monotonic() - begin >= 0.05)
