from . import first
from .second import name as second_name

version = "1.0"
