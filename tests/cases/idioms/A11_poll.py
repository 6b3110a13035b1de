#!/usr/bin/env python3
import select, selectors, sys

print("Content-Type: text/plain\n")
poll = select.poll()
poll.register(0, select.POLLIN)
print([fd for fd, event in poll.poll(0)])
with selectors.SelectSelector() as selector:
    selector.register(sys.stdin, selectors.EVENT_READ)
    print([key.fileobj is sys.stdin for key, events in selector.select(0)])
print(select.select([0], [], [], 0)[0], len(select.select([sys.stdin.fileno()], [], [], 0)[0]))
