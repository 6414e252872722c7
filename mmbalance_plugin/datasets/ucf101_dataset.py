"""UCF101: pictures and optical flow as two modalities."""
from pathlib import Path
from typing import List, Sequence, Union

from mmbalance_plugin.registry import DATASETS

from .prepare.ucf101 import DATASET
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class UCF101Dataset(PreparedClipsDataset):
    """UCF101 with TV-L1 flow, for :class:`FlowDecode`.

    The three official splits are the protocols ``'split1'`` to ``'split3'``;
    two groups of each training list validate.

    Besides what :class:`AudioVisualDataset` gives, samples hold ``flow_u``
    and ``flow_v``, folders of pictures, and ``flow_frames``, their number.

    Args:
        split (str): ``'train'``, ``'val'`` or ``'test'``. Defaults to
            ``'train'``.
        protocol (str): One of the above. Defaults to ``'split1'``.
        streams (Sequence[str]): Defaults to ``('video', )``: half of the
            clips have no sound.
        kwargs: See :class:`PreparedClipsDataset`.
    """

    NAME = DATASET

    def __init__(self,
                 split: str = 'train',
                 *args,
                 protocol: str = 'split1',
                 streams: Sequence[str] = ('video', ),
                 **kwargs) -> None:
        super().__init__(
            split, *args, protocol=protocol, streams=streams, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Find the flow beside the clips."""
        data_list = super().load_data_list()
        for info in data_list:
            for key in ('flow_u', 'flow_v'):
                info[key] = self._below_source(info[key])
            info['flow_frames'] = int(info['flow_frames'])
        return data_list

    def _below_source(self, path: Union[str, Path]) -> str:
        return str(self.source_root / path)
