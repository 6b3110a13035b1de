"""No loop is left over, and the policy is as it was."""

import asyncio

print("Content-Type: text/plain\n")
try:
    asyncio.get_running_loop()
except RuntimeError as exc:
    print(exc)
print(type(asyncio.get_event_loop_policy()).__name__)
loop = asyncio.new_event_loop()
print(type(loop).__module__)
loop.close()
