"""A small CNN that is really trained, so that the accuracy of compressed networks is measured and not quoted.

``data`` reads the digits of scikit-learn and folds them; ``learner`` runs and differentiates a network; ``training``
trains it, and fine-tunes it compressed. Every operation rounds as IEEE 754 says and sums in a fixed order, no
transcendental function is called, and random numbers come from NumPy's frozen ``RandomState``: trained weights are the
same bit for bit on every machine.
"""
