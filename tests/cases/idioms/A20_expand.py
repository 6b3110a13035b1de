#!/usr/bin/env python3
import os, pathlib, pwd, shutil

print("Content-Type: text/plain\n")
print(os.path.expandvars("$DOCUMENT_ROOT/x ${REQUEST_METHOD} $NOPE %GREETING%"))
print(os.path.expandvars(b"$GREETING/${QUERY_STRING}"))
home = pwd.getpwuid(os.getuid()).pw_dir
print("HOME" in os.environ, os.path.expanduser("~/data") == home + "/data")
print(pathlib.Path.home() == pathlib.Path(home), os.path.expanduser("~root/x"))
os.environ["HOME"] = "/home/bob"
print(os.path.expanduser("~/data"), pathlib.Path("~").expanduser(), os.path.expanduser(b"~"))
os.environ["PATH"] = "/nowhere:/bin"
print(os.get_exec_path(), shutil.which("sh"))
