"""Published values on the same table: LlamaRec (Yue et al., arXiv:2311.02089), its "ML-100k", leave-one-out."""

from benchmarks.quality.cut import Cut
from benchmarks.quality.data import Log
from benchmarks.quality.figures import METRICS

_COUNTS = (610, 3650, 90_274)
"""The numbers of users, items and events in the paper's data: ml-latest-small with five events or more each."""
_ROWS = {
    "LlamaRec (7e9 parameters)": (0.0440, 0.0543, 0.0852, 0.0529, 0.0759, 0.1524),
    "LRURec": (0.0390, 0.0468, 0.0705, 0.0491, 0.0705, 0.1426),
    "SASRec": (0.0333, 0.0409, 0.0641, 0.0378, 0.0522, 0.0993),
    "NARM": (0.0298, 0.0359, 0.0544, 0.0332, 0.0441, 0.0801),
    "BERT4Rec": (0.0188, 0.0232, 0.0368, 0.0244, 0.0366, 0.0785),
}


def published(log: Log, protocol: Cut) -> dict[str, dict[str, float]]:
    """The published rows by name if the log is the one of the paper, otherwise none."""
    if protocol is not Cut.LEAVE_ONE_OUT or (log.n_users, log.n_items, len(log)) != _COUNTS:
        return {}
    return {name: dict(zip(METRICS, values, strict=True)) for name, values in _ROWS.items()}
