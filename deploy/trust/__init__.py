"""What a client believes and why: signed metadata after The Update Framework, read and written."""
