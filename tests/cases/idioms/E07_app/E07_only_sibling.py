word = "only sibling"
