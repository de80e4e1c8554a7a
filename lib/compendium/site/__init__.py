"""What the pages have beyond Sphinx; no chapter imports it."""
