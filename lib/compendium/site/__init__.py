"""What the pages have beyond Sphinx."""
