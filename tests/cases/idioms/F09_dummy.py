"""The other pools of threads."""

from multiprocessing.dummy import Pool as ThreadPool
from multiprocessing.pool import ThreadPool as Same

print("Content-Type: text/plain\n")
pool = ThreadPool(3)
print(pool.map(lambda x: x + 1, range(5)))
pool.close()
pool.join()
with Same(2) as pool:
    print(pool.apply_async(pow, (2, 10)).get())
