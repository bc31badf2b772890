"""The installer's window on a display of its own."""
