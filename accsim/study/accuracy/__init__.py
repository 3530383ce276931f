"""Published accuracy against estimated energy and latency: all recipes of a network, on machines the user names.

``view``    the points in the order of the table, with those on a front marked
``charts``  the drawings, every point with its row's number
``page``    one HTML file; ``pdf`` the same on paper
"""
