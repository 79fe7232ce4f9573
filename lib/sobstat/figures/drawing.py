"""Specifications drawn as SVG by vl-convert, whose JavaScript engine takes as long to start as ten charts to draw.

So the kernels of an edition have their charts drawn by processes in which it runs already (`serve_drawings`); a kernel
that knows of none draws by itself, to the same bytes but for the numbers in vl-convert's ids.
"""

import os
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from socket import socket

import vl_convert

# The socket at which drawings are to be had.
DRAWER_VARIABLE = "SOBSTAT_DRAWER"


def svg_of(spec: dict, **options) -> str:
    """A Vega-Lite specification as SVG; `options` are those of `vl_convert.vegalite_to_svg`.

    Raises ValueError for a specification that cannot be drawn.
    """
    if address := os.environ.get(DRAWER_VARIABLE):
        with suppress(OSError, EOFError), Client(address) as drawer:
            drawer.send((spec, options))
            svg, fault = drawer.recv()
            if fault is None:
                return svg
            raise ValueError(fault)
    return vl_convert.vegalite_to_svg(spec, **options)


def serve_drawings(listening: socket) -> None:
    """Draw what is asked for at a socket, for good; several processes can share one."""
    while True:
        accepted, _ = listening.accept()
        with suppress(OSError, EOFError), Connection(accepted.detach()) as kernel:
            spec, options = kernel.recv()
            try:
                kernel.send((vl_convert.vegalite_to_svg(spec, **options), None))
            except ValueError as error:
                kernel.send((None, str(error)))
