"""The rule for texts as data: what is written in words, what is refused. `omni_lib/text.py` applies it.

`missing.py` has what stands in a cell in place of a text; `omni_lib/manifest.py` refuses it.
"""
