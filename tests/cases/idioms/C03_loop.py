#!/usr/bin/env python3
import os

print("Location: %s\n" % os.environ["SCRIPT_NAME"])
