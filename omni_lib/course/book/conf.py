"""Sphinx's settings for the book. `staging` copies this file beside the pages."""

project = "omni-lib"
author = "The omni-lib authors"
project_copyright = "the omni-lib authors, MIT licence"
html_title = "omni-lib: build and train a speech encoder"
language = "en"

extensions = ["myst_nb", "omni_lib.course.book.mathml"]
root_doc = "index"
exclude_patterns = ["extra", "static"]
nitpicky = True  # a reference that leads nowhere is a warning, and the build stops at warnings

nb_execution_mode = "off"  # the book shows what is stored
nb_render_markdown_format = "myst"
nb_mime_priority_overrides = [
    ("html", "text/html", 1),
    ("html", "text/markdown", 2),
    ("html", "text/plain", 3),
]
nb_merge_streams = True
nb_code_prompt_show = "Show the imports"
nb_code_prompt_hide = "Hide the imports"

myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_digits = False  # "$5 and $6" are prices
myst_dmath_allow_space = False
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_extra_path = ["extra"]  # clips and figures
html_copy_source = False
html_use_index = False
html_show_search_summary = False  # a page that was opened as a file may not read other files
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark-high-contrast"
