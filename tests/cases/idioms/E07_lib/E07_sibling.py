word = "sibling of lib"
