"""The report of a comparison of machines: its figures as plain data (``view``), what they say (``words``), charts, the
page, and the same on paper (``pdf``).
"""
