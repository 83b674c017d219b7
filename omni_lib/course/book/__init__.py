"""The course as a book: static web pages made from the stored outputs of the notebooks.

    python -m omni_lib.course.book     (or `make book`)

`staging` writes the pages as Sphinx reads them, `outputs` prepares what a cell has stored, and `links` finds
where a link leads. Sphinx with MyST-NB makes the site by the settings in `conf`, and `site` checks every link
of it. Nothing is executed, and the finished pages need neither a network nor a server.
"""
