"""Media at URLs that somebody else named: fetched from the public internet, and from nowhere else.

Whoever may ask an endpoint for a removal may name URLs to it, and the machine that does it stands where the asker
does not: beside databases, metadata services and what else listens on a private network. The guard keeps such URLs out
of there (server-side request forgery, CWE-918), whatever they look like, wherever they redirect to, and whatever
their names resolve to at the moment.

    policy      Policy             who may be reached, and how long that may take
    addresses   is_public          the special blocks of the internet's addresses
    urls        check_url          what a URL must look like, before any look-up
    network     GuardedBackend     resolves, checks every address, connects to the very one that was checked
    pace        Pace               total time, and a least rate
    client      media_client       an httpx2 client over it; `answered` follows redirects, each checked as the first was

Decisions:

- One address of a name that is not public refuses the name, even if others are. A name with both is either a slip or an
  attack, and which of its addresses is tried next is not ours to foresee.
- NAT64, 6to4, Teredo and IPv4-mapped addresses are refused whole. Looking at the IPv4 address inside would trust a
  translator that we do not know; public hosts are reached by their IPv4 address itself.
- Ports are 80, 443 and those from 1024 up, without the ones where other services are known to listen: a public host's
  mail server or database is not to be spoken to in our name.
- No proxy of the environment is used: it would look names up again, where nothing is checked.
- A refusal reads the same for a name that does not exist, a private address with a server and one without.
"""
