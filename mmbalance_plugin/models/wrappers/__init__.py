from .opm import OPM
from .recognizer_wrapper import RecognizerWrapper, recognizer_of

__all__ = ['OPM', 'RecognizerWrapper', 'recognizer_of']
