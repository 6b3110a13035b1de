from .. import version
from ..first import name
from . import star_one


def up():
    return version, name, star_one
