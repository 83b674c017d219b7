"""The rule for texts as data: what is written in words, what is refused. `omni_lib/text.py` applies it."""
