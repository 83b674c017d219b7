"""What a learner moves and presses in a notebook: explorers, recorder, training panel."""
