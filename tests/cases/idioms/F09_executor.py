import concurrent.futures
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

print("Content-Type: text/plain\n")


def work(n):
    return n * n, os.environ["QUERY_STRING"]


with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(work, range(5))))
    futures = [pool.submit(work, n) for n in range(3)]
    print(sorted(f.result() for f in concurrent.futures.as_completed(futures)))
pool = ThreadPoolExecutor(max_workers=2)
for n in range(6):
    pool.submit(lambda n=n: time.sleep(0.02))
pool.submit(print, "not waited for by the script")
print("end of the script")
