import E17_store

print("Content-Type: text/plain\n")
E17_store.cache.append(1)
E17_store.hits += 1
E17_store.Thing.shared["k"] = len(E17_store.Thing.shared)
print(E17_store.cache, E17_store.hits, E17_store.Thing.shared, E17_store.compute(3))
print(E17_store.compute.cache_info())
