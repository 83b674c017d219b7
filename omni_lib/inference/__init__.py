"""Use of a trained recogniser: evaluation, reports, transcription, language models, export."""
