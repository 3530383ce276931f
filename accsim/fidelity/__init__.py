"""Published figures, and what accsim gives for each: ``accsim validate``.

(``accsim.verification`` compares the engines with each other; here the yardstick is what was published.) A case is one
data file and one module of the same name, found by looking, registered nowhere:

* ``accsim/fidelity/figures/NAME.yaml``, or ``reports/NAME/figures.yaml`` where a study draws the case too: the
  published figures with citation and tolerance, and the only copy. ``accsim.fidelity.published`` has the grammar.
* ``accsim/fidelity/cases/NAME.py`` (with ``_`` for ``-``), the computation::

      def run() -> Found: ...                          # the pipeline, once; Found is the case's own value type
      def obtained(found: Found) -> Obtained: ...      # nested as the figures: {"active_pes": {"conv1": 154}}

  Every figure gets a value, and nothing else does; a figure that cannot be reproduced says what is ``missing`` in its
  file and gets none. A value is a number, a text, or a pair (lowest, highest).
* Where there is a study, the module has a ``Settings(Model)`` too and ``run`` takes one: it is bound to the
  ``settings`` of ``reports/NAME/recipe.yaml``. What the study draws and tells is in ``accsim.study``.
"""
