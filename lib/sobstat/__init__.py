"""Statistik för Stöd och behandling: monthly national statistics as notebooks."""
