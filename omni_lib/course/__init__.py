"""The course: lessons, exercises, widgets, figures and recordings for the notebooks."""
