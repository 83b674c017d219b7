"""How an exercise is put, tried in a sandbox, judged and remembered."""
