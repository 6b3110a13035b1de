word = "on a path of a .pth file"
