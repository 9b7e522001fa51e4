"""Who may ask the service, and for what. A caller shows `ID:SECRET`; what is kept cannot be turned back into it."""
