"""HTTP in, objects out: paths, bodies, lists, watches, tables, discovery."""
