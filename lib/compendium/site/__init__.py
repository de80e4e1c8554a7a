"""What the pages have beyond Sphinx's. No chapter imports it: changing it makes none run anew.

Extensions of Sphinx:

    terms      links to the glossary and to claims
    tips       what a link leads to, shown beside it
    reading    how long a page takes to read
    tables     numbers and captions for the tables of code cells
    formulas   formulas as MathML
    header     the menus on top of each page
    addresses  canonical addresses, the map of the site, the page for what is not found
    moved      former anchors of pages, which lead to what took their place
    finish     the last touch to each page, with `icons`, `frames`, `typography`, `summary` and `joined`

What the book's sources and pages are given:

    minutes    the boxes "In one minute", with numbers that `quotes` finds in the records
    citation   the page that says how to cite the book
    figures    what figures answer to a pointer
    play       what the denoiser in the page needs: images, weights of published runs
    takeaway   the files that a page offers, and the whole book as one archive
    printed    the whole book as one PDF
    links      links and anchors that lead nowhere; addresses as seen from the root

The page of a run of one's own:

    own_page   a chapter with a run's outputs, compiled like the book's
    this_run   its top: what the run is, and its numbers beside the published run's
    beside     the run's numbers beside those that the prose quotes
    one_file   all that a page needs in one file
"""
