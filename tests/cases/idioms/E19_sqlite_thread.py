import sqlite3
import threading

print("Content-Type: text/plain\n")
db = sqlite3.connect(":memory:")
db.execute("create table t (a)")


def work():
    try:
        db.execute("select * from t")
    except sqlite3.ProgrammingError as exc:
        print(type(exc).__name__)


t = threading.Thread(target=work)
t.start()
t.join()
print(db.execute("select count(*) from t").fetchone())
