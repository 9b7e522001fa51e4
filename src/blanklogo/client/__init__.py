"""For programs that speak with the service from another machine."""
