"""Training of the classifier: marks told from what looks like them, in a crop around each place."""
