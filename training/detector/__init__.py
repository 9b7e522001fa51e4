"""The detector: one class, anchor-free, fed with what a few seconds of one shot have in common."""
