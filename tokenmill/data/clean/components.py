"""Connected components: what chains of pairs connect."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def connected(
    left: npt.NDArray[np.integer], right: npt.NDArray[np.integer], size: int
) -> npt.NDArray[np.int64]:
    """For each of ``size`` things the first one that it is connected with by pairs (left[i], right[i])."""
    graph = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component]
