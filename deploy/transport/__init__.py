"""Remote bytes: one contract, an implementation for each kind of source."""
