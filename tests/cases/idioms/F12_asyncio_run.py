import asyncio
import os

print("Content-Type: text/plain\n")


async def double(n):
    await asyncio.sleep(0.01 * (3 - n))
    print("task", n, os.environ["QUERY_STRING"])
    return n * 2


async def main():
    loop = asyncio.get_running_loop()
    print(type(loop).__module__.partition(".")[0])
    print(await asyncio.gather(*[double(n) for n in range(3)]))
    print(await loop.run_in_executor(None, lambda: os.environ["QUERY_STRING"]))
    print(await asyncio.to_thread(lambda: os.environ["QUERY_STRING"]))
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError:
        print("timed out")
    return "result"


print(asyncio.run(main()))
print(asyncio.run(main()))
