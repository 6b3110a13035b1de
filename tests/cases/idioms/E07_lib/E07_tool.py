word = "tool"
