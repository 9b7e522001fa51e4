"""The service: removals for other machines, with tokens, over HTTP. What it stands on is the extra `service`."""
