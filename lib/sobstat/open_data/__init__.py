"""An edition as data for reuse: its tables in other forms, and descriptions that machines read.

Everything is made from the edition's CSV files, its parameters and the declarations, so no hidden count can get in.
"""
