"""Passes: one file per family, each pass a frozen pydantic model, so that a recipe's YAML is checked against it.

To add one: subclass ``base.LayerPass`` (one layer at a time), ``base.ChosenLayersPass`` (some
layers together) or ``base.ModelPass`` (the whole graph) in the family's
file, with its arguments as annotated fields (bounds and a description each), and list it in ``registry.PASSES``. Its
docstring says what set weights are projected onto, the source of every rule and default, and what it leaves alone.
"""
