"""How fast the toolkit is, beside other programs on the same data, server and machine (`make bench`)."""
