"""Networks: which weights there are, how they get onto a machine, and how they run."""
