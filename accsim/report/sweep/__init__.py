"""The report of a sweep: its points as plain data (``points``), charts, the page, and the same on paper (``pdf``)."""
