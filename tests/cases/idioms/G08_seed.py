import random

print("Content-Type: text/plain\n")
random.seed(42)
print(random.random(), random.randint(1, 100), random.choice("abc"), random.sample(range(9), 3))
state = random.getstate()
first = random.random()
random.setstate(state)
print(first == random.random(), random.Random(42).random() == 0.6394267984578837)
from random import seed, shuffle

seed("text")
numbers = list(range(5))
shuffle(numbers)
print(numbers, random.gauss(0, 1), random.uniform(1, 2))
