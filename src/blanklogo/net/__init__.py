"""HTTP from this machine outwards: `pieces`, how bytes travel; `http`, a GET that survives a broken line; `stores`,
what object stores want besides.

It stands low, because weights come by it as well as media. `http` is the border to httpx2 here; the service's client
has one of its own.
"""
