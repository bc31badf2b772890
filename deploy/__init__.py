"""Deployment of the client programs: Setup.config, sources, download engine, installation.

The floor of the toolkit: `hotfix` stands on it and `updater` stands on both.
"""

__version__ = "0.1.0"
