"""The log of the unimodal scores, in every joint training."""
from ...functional import discrepancy_ratios
from ...utils.deferred_scalars import DeferredScalars, per_modality

INTERVAL = 10


class ScoreLog:
    """Logs how far each modality is ahead, whatever trains the model.

    ``score_<m>`` is the mean true-class probability of a modality alone,
    ``ratio_<m>`` its discrepancy ratio, both over the batches of all ranks
    since they were last logged: at the first batch of a stage and at every
    tenth. Only then is anything reduced or copied to the host. The reader is
    its own.
    """

    def __init__(self, reader) -> None:
        self._reader = reader
        self._scalars = DeferredScalars(interval=1)
        self._batches = 0

    def look(self) -> None:
        """After each batch, on every rank."""
        self._batches += 1
        if self._batches > 1 and self._batches % INTERVAL:
            return
        scores = self._reader.read()
        self._scalars.add(per_modality(
            score=scores.means, ratio=discrepancy_ratios(*scores)))

    def clear(self) -> None:
        """Begin anew, and take what was logged out of the message hub."""
        self._batches = 0
        self._reader.clear()
        for kind in ('score_', 'ratio_'):
            self._scalars.clear(kind)
