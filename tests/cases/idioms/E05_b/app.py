import config
from models import Item
from models.tables import TABLE

print("Content-Type: text/plain\n")
print(config.NAME, config.__file__, Item.kind, TABLE, Item.__module__)
