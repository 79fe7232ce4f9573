"""What is fast and what is not, measured side by side: `make bench`.

Each module measures one thing: `measure(folder, scale)` works in an empty folder, at the scale `small` or `whole`, and
returns tables whose title stands in `attrs`.
"""
