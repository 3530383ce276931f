"""Studies: published figures reproduced, drawn as the publication draws them, and told on one page: ``accsim report``.

A study is a case (``accsim.fidelity``: published figures and their computation) with a folder. To add one, say NAME:

* ``reports/NAME/recipe.yaml`` (``accsim.fidelity.recipe``) and ``reports/NAME/figures.yaml``
  (``accsim.fidelity.published``): both ship in the wheel. All else in the folder is written by ``accsim report``.
* ``accsim/fidelity/cases/NAME.py``, with ``_`` for ``-``: ``Settings``, ``run(settings)``, ``obtained(found)``.
* ``accsim/study/studies/NAME.py``, what is drawn and told::

      def tables(found: Found) -> dict[str, Rows]: ...          # NAME.csv each; Rows is a list of dicts of one shape
      def drawings(found: Found, publication: Publication) -> dict[str, Drawing]: ...     # NAME.svg each
      def words(found: Found, publication: Publication) -> dict[str, object]: ...         # what the page fills in

* ``accsim/study/templates/NAME.md.j2``, the page: extends ``study.md.j2`` and fills its block ``text``.

A study without published figures, because it answers a question of its own, has no ``figures.yaml``; its ``Settings``
and ``run`` are in ``accsim/study/explorations/NAME.py``.

``accsim report reports/NAME`` then writes README.md, results.json, results.csv (a row per published figure), the tables
and the drawings, byte for byte the same each time: numbers carry six significant digits, drawings no date or version.
"""
