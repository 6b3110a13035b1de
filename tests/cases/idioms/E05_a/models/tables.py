TABLE = "table_a"
