#!/usr/bin/env python3
# The time limit must get out of here.
print("Content-Type: text/plain\n")
while True:
    try:
        while True:
            pass
    except:
        pass
