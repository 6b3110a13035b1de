import E14_plug.one as sibling

word = "from a file"
