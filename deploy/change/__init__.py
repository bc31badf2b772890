"""The journalled change of an installation: wholly done or wholly undone, whatever happens in between."""
