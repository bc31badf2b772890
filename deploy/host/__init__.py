"""This computer: what it knows about itself and how it runs programs."""
