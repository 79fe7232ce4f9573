"""Statistik för Stöd och behandling: monthly national statistics as notebooks."""

import sys

# jsonschema, which Altair and Jupyter import, would use this to check addresses, which nothing here asks for; it takes
# longer to import than all the rest of them, since it compiles a grammar. None tells that it is not there.
sys.modules.setdefault("rfc3987_syntax", None)

# What the publication is called, wherever it names itself.
SERVICE = "Statistik för Stöd och behandling"
