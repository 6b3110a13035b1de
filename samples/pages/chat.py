"""A chat over WebSocket: what one browser says, all of them read.

Who is there is known to one worker: with "workers: 2", there would be two chats.
"""

import asyncio

from _frame import frame
from httpout import __globals__, request, response, websocket

guests = __globals__.guests
origin = request.environ.get("HTTP_ORIGIN", "")


async def tell(line):
    sending = (guest.send(line) for guest in guests)
    await asyncio.gather(*sending, return_exceptions=True)  # some may have left


async def chat():
    await websocket.accept()
    guests[websocket] = name = f"Guest {next(__globals__.numbers)}"
    await tell(f"{name} has come.")
    try:
        async for text in websocket:
            run(tell(f"{name}: {text[:500]}"))  # noqa: F821 - nobody waits for the slow
    finally:
        del guests[websocket]
        await tell(f"{name} has left.")


if websocket is None:
    with frame("Chat"):
        print(
            "<p>Whoever has this page open reads what you say.</p>\n"
            '<ul id="lines" aria-live="polite"></ul>\n'
            '<form><div><label for="line">Your line</label>\n'
            '<input type="text" id="line" maxlength="500" autocomplete="off" required>'
            "</div>\n<button>Say</button></form>\n"
            "<script>\n"
            'const line = document.getElementById("line");\n'
            "const show = text => {\n"
            '    const item = document.createElement("li");\n'
            "    item.textContent = text;\n"
            '    document.getElementById("lines").append(item);\n'
            "};\n"
            'const url = location.href.replace("http", "ws").split("#")[0];\n'
            "const socket = new WebSocket(url);\n"
            "socket.onmessage = event => show(event.data);\n"
            'socket.onclose = () => show("This was the end: reload the page.");\n'
            "document.forms[0].onsubmit = event => {\n"
            "    event.preventDefault();\n"
            "    socket.send(line.value);\n"
            '    line.value = "";\n'
            "};\n"
            "</script>"
        )
elif origin.partition("//")[2] == request.environ["HTTP_HOST"]:
    run(chat())  # noqa: F821 - a page has it without importing it
else:
    response.set_status(403)  # a page of somebody else has sent the browser here
    print("Not from there.")
