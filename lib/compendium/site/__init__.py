"""What the pages have beyond Sphinx's.

    takeaway   the files that a page offers, and the whole book as one archive
    printed    the whole book as one PDF
    header     an extension of Sphinx: the menu on top of each page
    citation   the page that says how to cite the book

None is imported by a chapter.
"""
