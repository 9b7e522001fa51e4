"""What training data is composed of: pictures, fonts, marks, and what is easily taken for a mark."""
