"""What the pages have beyond Sphinx. No chapter imports it: changing it makes none run anew."""
