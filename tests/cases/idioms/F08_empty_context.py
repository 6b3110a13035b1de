"""What runs in an empty context prints all the same."""

import contextvars

print("Content-Type: text/plain\n")
contextvars.Context().run(print, "from an empty context")
