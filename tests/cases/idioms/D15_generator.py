#!/usr/bin/env python3
def rows():
    try:
        for i in range(10):
            yield i
    finally:
        print("generator closed")

print("Content-Type: text/plain\n")
open_rows = rows()
print(next(open_rows))

def other():
    with open(__file__) as f:
        yield f.readline()
        print("never")

kept = other()
print(next(kept), end="")
print("end of main")
