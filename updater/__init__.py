"""The client updater: schedule, gate and service. Holds no code yet; it stands on `deploy` and `hotfix`."""
