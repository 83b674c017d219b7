"""What is done with a trained recogniser: evaluate, report, transcribe, stream, search with a language model, export."""
