"""An outsider with a finished edition and nothing else: what its pages and files say, and what follows from them.

Nothing here reads the warehouse or knows how disclosure control chose what to hide. What a column means is public
knowledge: it comes from the declarations.
"""
