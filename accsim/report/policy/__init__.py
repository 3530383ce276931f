"""The report of a compression policy: plain data (``view``), the page, and the same on paper (``pdf``)."""
