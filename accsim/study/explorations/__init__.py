"""What studies without published figures compute: a module per study, with ``Settings`` and ``run(settings)``.

They answer a question instead of reproducing an answer; ``accsim.fidelity.cases`` holds those that have one.
"""
