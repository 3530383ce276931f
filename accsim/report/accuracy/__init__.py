"""The report of accuracy against cost of all recipes of a network: plain data (``view``), page, PDF, CSV."""
