#!/usr/bin/env python3
from os import environ, getenv

import idiom_helper
from idiom_helper import who

print("Content-Type: text/plain\n")
print(who(), environ["HTTP_X_USER"], getenv("HTTP_X_USER"), idiom_helper.environ is environ)
environ["HTTP_X_USER"] = "changed"
print(who(), idiom_helper.AT_IMPORT)
