"""Modules from files of any name."""

import importlib.machinery
import importlib.util
import sys

print("Content-Type: text/plain\n")
spec = importlib.util.spec_from_file_location("E14_loaded", "E14_any.inc.py")
module = importlib.util.module_from_spec(spec)
sys.modules["E14_loaded"] = module
spec.loader.exec_module(module)
print(module.word, module.__name__)
import E14_loaded

print(E14_loaded is module, module.sibling.run())
loader = importlib.machinery.SourceFileLoader("E14_conf", "E14_settings.conf")
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_loader("E14_conf", loader)
conf = importlib.util.module_from_spec(spec)
loader.exec_module(conf)
print(conf.DEBUG, conf.__file__)
import types

bare = types.ModuleType("bare")
exec("import E14_plug.one as x\nword = x.run()", bare.__dict__)
print(bare.word)
