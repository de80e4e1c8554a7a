"""What the pages have beyond Sphinx's.

    takeaway   the files that a page offers, and the whole book as one archive
    printed    the whole book as one PDF
    header     an extension of Sphinx: the menu on top of each page
    citation   the page that says how to cite the book
    minutes    the boxes "In one minute"; their numbers come from the records by quotes
    quotes     numbers of recorded runs in running text
    reading    an extension of Sphinx: how long a page takes to read
    links      another: the first use of a term, and claims, as links
    tips       another: what a link leads to, shown beside it

None is imported by a chapter.
"""
