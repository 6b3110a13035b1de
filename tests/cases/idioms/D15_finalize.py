#!/usr/bin/env python3
import weakref

class Resource:
    pass

print("Content-Type: text/plain\n")
r = Resource()
weakref.finalize(r, print, "finalized")
second = Resource()
late = weakref.finalize(second, print, "not at exit")
late.atexit = False
third = Resource()
weakref.finalize(third, print, "dropped early")
del third
print("end of main", late.alive)
