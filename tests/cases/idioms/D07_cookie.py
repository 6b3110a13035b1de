#!/usr/bin/env python3
# -*- coding: no-such-codec -*-
print("Content-Type: text/plain\n")
