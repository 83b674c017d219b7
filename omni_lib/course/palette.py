"""The colours of every figure, widget and verdict: Okabe & Ito 2008, "Color universal design".

They can be told apart with every common kind of colour blindness. Still, no figure relies on colour alone:
lines also differ in dashes or markers, and signs or words repeat the meaning of a colour. The style sheets in
`widgets/` repeat the codes, because CSS cannot import them; a test compares them with this list.
"""

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
SKY_BLUE = "#56B4E9"
GREY = "#808080"  # lines and areas of less importance: visible on white and on JupyterLab's dark grey
# No single colour has a contrast of 4.5:1 with both. So the text of a page takes the page's own colour, and
# figures are cards of light paper, on which their text is dark in both themes.
PAPER = "#F7F7F7"
INK = "#333333"  # text and axes on PAPER: 11.8:1
