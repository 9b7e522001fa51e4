"""Where a removal runs: in this process, in a pool on this machine, on Modal, on a Ray cluster.

An engine takes an `Order`, runs a `Workload` (the `Remover`) on it somewhere, and hands back a `Call`. All keep the
same promises (`engines.base`), and one suite of tests holds them to it.
"""
