import glob
import os
import pathlib
import shelve
import sqlite3

print("Content-Type: text/plain\n")
folder = f"E03_data.{os.environ['QUERY_STRING']}"
os.mkdir(folder)
with open(f"{folder}/data.txt", "w") as f:
    f.write("from a relative file\n")
print(open(f"{folder}/data.txt").read(), end="")
db = sqlite3.connect(f"{folder}/app.db")
db.execute("create table t (a)")
db.execute("insert into t values (42)")
db.commit()
print(db.execute("select a from t").fetchall())
db.close()
shelf = shelve.open(f"{folder}/s")
shelf["k"] = ["v"]
shelf.close()
with shelve.open(f"{folder}/s") as again:
    print(dict(again))
print(pathlib.Path(folder, "data.txt").read_text(), end="")
print(sorted(glob.glob(f"{folder}/*.txt")), os.path.exists("E03_relative_file.py"))
for name in os.listdir(folder):
    os.remove(os.path.join(folder, name))
os.rmdir(folder)
