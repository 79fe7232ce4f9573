"""A synthetic extract that looks like the real service and says in every row that it is not.

`write` is the way in; `world` invents providers, units and their programmes, `activity` says how much
happens on which day and hour, `arenden` draws the ärenden and their transactions, `population` the
befolkning source. The CSV tables beside the modules hold what is data rather than code.
"""

from sobstat.demo.write import DEFAULT_ARENDEN, DEFAULT_TO_MONTH, write_demo

__all__ = ["DEFAULT_ARENDEN", "DEFAULT_TO_MONTH", "write_demo"]
