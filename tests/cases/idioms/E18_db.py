import sqlite3


class Connection:
    def __init__(self, name):
        self.name = name
        self.db = sqlite3.connect(":memory:")

    def query(self):
        return self.db.execute("select 1").fetchone()

    def __del__(self):
        self.db.close()
        print("closed", self.name)


connection = Connection("the module's")
