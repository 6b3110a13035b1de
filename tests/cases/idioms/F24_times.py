"""The script's own CPU time and memory, not those of others."""

import resource
import time
import tracemalloc

print("Content-Type: text/plain\n")
print(time.process_time() < 0.5, time.process_time_ns() < 5e8)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime < 0.5, len(usage), usage.ru_maxrss > 0)
begin = time.process_time()
while time.process_time() - begin < 0.05:
    pass
print(time.process_time() - begin >= 0.05, time.get_clock_info("process_time").monotonic)

print(tracemalloc.is_tracing())
