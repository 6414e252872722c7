"""What is wrong with a model on its data, and what would help."""
