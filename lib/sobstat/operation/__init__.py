"""What keeps the publication running: its state, its logs, backups, keys and upgrades."""
