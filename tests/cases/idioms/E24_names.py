print("Content-Type: text/plain; charset=utf-8\n")
größe = 1
ℌ = 2
print(größe, H, "größe" in globals())
class Straße:
    pass
print(Straße.__name__, f"{größe=}")
