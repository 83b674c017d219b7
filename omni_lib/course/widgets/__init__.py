"""The interactive parts of the notebooks: explorers, voice recorder, training panel."""
