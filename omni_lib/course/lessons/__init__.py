"""The exercises and questions of each lesson, their solutions, and known wrong answers."""
