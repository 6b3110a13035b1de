import asyncio
import sys

print("Content-Type: text/plain\n", flush=True)


async def main():
    p = await asyncio.create_subprocess_exec("echo", "captured", stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate()
    print(out, p.returncode, flush=True)
    p = await asyncio.create_subprocess_shell("echo inherited $QUERY_STRING; exit 3")
    print(await p.wait())


asyncio.run(main())
