"""One network on several machines, compressed and against its dense self: what of the speed-up arrives, and why.

``machines`` the machines by name, and changes to them
``equal``    machines brought to the same node, peak and off-chip link, so that only what they do with zeros differs
``reasons``  where the multiplier slots went that the speed-up did not reach
``compare``  the runs
``totals``   what they come to
"""

from accsim.comparison.compare import compare
from accsim.comparison.totals import Comparison

__all__ = ["Comparison", "compare"]
