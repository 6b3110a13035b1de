"""Numbers that nobody can predict: none of those that a seed gives."""

import random

print("Content-Type: text/plain\n")
predictable = set()
for seed in (42, "text", 0):
    r = random.Random(seed)
    predictable.update(r.random() for _ in range(200))
print(any(random.random() in predictable for _ in range(50)))
