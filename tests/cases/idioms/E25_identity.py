"""Modules that everybody has are what they are in any process."""

import builtins
import os
import sys
import types

import __main__

print("Content-Type: text/plain\n")
for module in (sys, os, builtins, __main__):
    print(module.__name__, isinstance(module, types.ModuleType), type(module).__name__)
print(__builtins__ is builtins, type(sys) == types.ModuleType)
made = type(sys)("made")
made.argv = ["a"]
print(made, sys.argv != ["a"], sorted(vars(made)))
print(sys.modules is sys.modules, type(sys.path).__name__, type(sys.argv).__name__)
print(isinstance(sys.modules, dict), isinstance(os.environ, os._Environ))
