#!/usr/bin/env python3
print("Status: 299 Odd but fine\nContent-Type: text/plain\n\nodd")
