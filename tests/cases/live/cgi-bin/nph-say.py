#!/usr/bin/env python3
"""Print exactly the bytes of the query, or of the request's content."""

import os
import sys
from urllib.parse import unquote_to_bytes

said = unquote_to_bytes(os.environ["QUERY_STRING"]) or sys.stdin.buffer.read()
sys.stdout.buffer.write(said)
