"""UCF101: pictures and optical flow as two modalities."""
import os
from typing import Callable, List, Optional, Sequence, Union

from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.text import integer

from .prepare.ucf101 import DATASET
from .prepared_clips_dataset import PreparedClipsDataset


@DATASETS.register_module()
class UCF101Dataset(PreparedClipsDataset):
    """UCF101 with TV-L1 flow, for :class:`FlowDecode`.

    The three official splits are the protocols ``'split1'`` to ``'split3'``;
    two groups of each training list validate.

    Besides what :class:`AudioVisualDataset` gives, samples hold ``flow_u``
    and ``flow_v``, folders of pictures, ``flow_frames``, their number, and
    ``flow_names``, a format that makes a picture's name of its number. The
    folders are looked for when the data set is built, each by its last
    picture.

    Args:
        split (str): ``'train'``, ``'val'`` or ``'test'``. Defaults to
            ``'train'``.
        pipeline (list[dict | Callable]): Transforms. Defaults to ().
        protocol (str): One of the above. Defaults to ``'split1'``.
        streams (Sequence[str]): Defaults to ``('video', )``: half of the
            clips have no sound.
        kwargs: See :class:`PreparedClipsDataset`.
    """

    NAME = DATASET
    EXCHANGED = dict(flow=('flow_u', 'flow_v', 'flow_frames', 'flow_names'))

    def __init__(self,
                 split: str = 'train',
                 pipeline: Sequence[Union[dict, Callable]] = (),
                 protocol: str = 'split1',
                 streams: Sequence[str] = ('video', ),
                 **kwargs) -> None:
        super().__init__(split, pipeline, protocol, streams=streams, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Find the flow beside the clips."""
        data_list = super().load_data_list()
        for info in data_list:
            for key in ('flow_u', 'flow_v'):
                # An absolute path stays what it is.
                info[key] = str(self.source_root / info[key])
            info['flow_frames'] = integer(info['flow_frames'])
        return data_list

    def _problem(self, info: dict) -> Optional[MediaError]:
        """Look for the flow, too."""
        problem = super()._problem(info)
        if problem is not None:
            return problem
        last = info['flow_names'].format(info['flow_frames'])
        for key in ('flow_u', 'flow_v'):
            if not os.path.isdir(info[key]):
                return MediaError(info[key], 'no such folder of flow')
            if not os.path.isfile(os.path.join(info[key], last)):
                return MediaError(info[key], f'has no {last} (any more)')
        return None
