"""Networks: their files, and the sessions that run them. Arrays in, arrays out; knows no video."""
