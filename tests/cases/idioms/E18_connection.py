"""A connection at the level of a module; it closes when the process ends."""

import sqlite3

import E18_db

print("Content-Type: text/plain\n")
own = E18_db.Connection("the script's")
print(E18_db.connection.query(), own.query())
