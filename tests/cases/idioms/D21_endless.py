#!/usr/bin/env python3
while True:
    pass
