"""Server-sent events: the script ends at once, its coroutine goes on."""

import asyncio
import json
import time

from _frame import frame
from httpout import request, response


async def tick():
    while True:  # until the browser leaves
        data = json.dumps(time.strftime("%H:%M:%S"))
        await response.write(f"data: {data}\n\n".encode())
        await asyncio.sleep(1)


if b"text/event-stream" in request.headers.getlist(b"accept"):
    response.set_content_type("text/event-stream")
    response.set_header("Cache-Control", "no-store")
    run(tick())  # noqa: F821 - a page has it without importing it
else:
    with frame("Server-sent events"):
        print(
            '<p>The time of the server: <output id="time">…</output></p>\n'
            "<script>\n"
            "new EventSource(location.href).onmessage = event => {\n"
            '    document.getElementById("time").value = JSON.parse(event.data);\n'
            "};\n"
            "</script>"
        )
