"""All of the response comes from a child."""

import os

os.system("printf 'Content-Type: text/plain\\nX-By: child\\n\\nall by a child\\n'")
