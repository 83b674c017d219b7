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
INK = "#808080"  # text and axes: readable on white and on JupyterLab's dark grey
