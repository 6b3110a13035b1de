"""As it was written before asyncio.run()."""

import asyncio
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
print("Content-Type: text/plain\n")


async def main():
    await asyncio.sleep(0)
    return "result"


loop = asyncio.get_event_loop()
print(loop.run_until_complete(main()), loop is asyncio.get_event_loop())
loop.call_soon(print, "called soon")
loop.call_later(0.01, loop.stop)
loop.run_forever()
loop.close()
asyncio.set_event_loop(asyncio.new_event_loop())
print(asyncio.get_event_loop().run_until_complete(main()), loop.is_closed())
asyncio.get_event_loop().close()
