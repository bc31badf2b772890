"""Hotfixes: manifest, plan and installer. Holds no code yet; it stands on `deploy`."""
