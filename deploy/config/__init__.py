"""Setup.config: what it says, read from bytes, with identifiers replaced."""
