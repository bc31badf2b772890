"""The server: customers, their pages, what is published for them, and how it is served."""
