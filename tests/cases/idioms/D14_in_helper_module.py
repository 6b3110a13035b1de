#!/usr/bin/env python3
import idiom_closing

print("Content-Type: text/plain\n")
idiom_closing.connection.query("select 1")
print("end of main")
