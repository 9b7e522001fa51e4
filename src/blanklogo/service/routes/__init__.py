"""The API, one file a subject. A route says who may ask, what comes in and what goes out; the work is done below."""
