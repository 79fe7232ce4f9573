"""Statistik för Stöd och behandling: monthly national statistics as notebooks."""

# What the publication is called, wherever it names itself.
SERVICE = "Statistik för Stöd och behandling"
