"""One training run in one folder: started in the background, locked, logged, watched, stopped and resumed."""
