"""What the pages have beyond Sphinx's.

    links      an extension of Sphinx: links to the glossary and to claims
    tips       an extension of Sphinx: what a link leads to, shown beside it
    reading    an extension of Sphinx: how long a page takes to read
    header     an extension of Sphinx: the menu on top of each page
    minutes    the boxes "In one minute", with numbers that `quotes` finds in the records
    citation   the page that says how to cite the book
    figures    what figures answer to a pointer
    play       what the denoiser in the page needs: images, weights of recorded runs
    takeaway   the files that a page offers, and the whole book as one archive
    printed    the whole book as one PDF

None is imported by a chapter.
"""
