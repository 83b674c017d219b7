"""One run in one folder: its lock, its log, its status, and how it is started, stopped and resumed in the background."""
