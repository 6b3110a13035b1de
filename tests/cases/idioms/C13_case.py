#!/usr/bin/env python3
print("content-TYPE: Text/HTML; Charset=UTF-8\nSTATUS: 201 made\nx-lower: a\n\nbody")
