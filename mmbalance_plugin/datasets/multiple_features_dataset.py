"""UCI Multiple Features: six aligned views of handwritten numerals."""
from typing import Dict, Optional, Sequence

import numpy as np

from mmbalance_plugin.registry import DATASETS

from .av_digits_synthesis import split_by_class
from .prepare.multiple_features import DATASET, LAYOUT, VIEWS
from .prepared_array_dataset import PreparedArrayDataset

SHARES = dict(train=.6, val=.2, test=.2)


@DATASETS.register_module()
class MultipleFeaturesDataset(PreparedArrayDataset):
    """2,000 handwritten numerals, each described by up to six views.

    The set for three and more modalities, of very unequal strength. Every
    view is standardised with the mean and deviation of each feature over
    the training split. 1,200 / 400 / 400 samples, 120 / 40 / 40 of each
    class. The source has no official split and no writer ids, so writers
    are mixed between splits.

    Args:
        split (str): 'train', 'val' or 'test'. Defaults to 'train'.
        modalities (Sequence[str]): Views, each a float32 vector: 'fac'
            (216 profile correlations), 'fou' (76 Fourier coefficients),
            'kar' (64 Karhunen-Loeve coefficients), 'mor' (6 morphological
            features), 'pix' (240 pixel averages), 'zer' (47 Zernike
            moments). Defaults to ('pix', 'fou', 'mor').
        shares (Dict[str, float], optional): Split -> share of the 200
            samples of each class; they sum to 1. Defaults to None:
            .6 / .2 / .2.
        kwargs: See :class:`PreparedArrayDataset`.
    """

    NAME, LAYOUT = DATASET, LAYOUT
    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))
    MODALITIES, SOURCE = tuple(VIEWS), 'numeral'

    def __init__(self,
                 split: str = 'train',
                 modalities: Sequence[str] = ('pix', 'fou', 'mor'),
                 shares: Optional[Dict[str, float]] = None,
                 **kwargs) -> None:
        self.shares = {s: (shares or SHARES)[s] for s in SHARES}
        super().__init__(split, modalities, **kwargs)

    def parts(self, labels: np.ndarray) -> Dict[str, np.ndarray]:
        """Split each class at random."""
        return split_by_class(labels, self.shares, self.generator('split'))
