"""A folder beside the script that is named like a module, but is no package."""

import html
import json

print("Content-Type: text/plain\n")
print(html.escape("<"), json.dumps([1]))
