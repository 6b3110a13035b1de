word = "late"
