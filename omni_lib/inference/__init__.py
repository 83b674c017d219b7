"""What is done with a trained recogniser: evaluation, reports, transcription, language models, export."""
