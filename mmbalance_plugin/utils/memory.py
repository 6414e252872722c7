"""How much main memory this process has needed."""
import sys
from types import ModuleType
from typing import Optional

resource: Optional[ModuleType]
try:
    import resource
except ImportError:  # Windows
    resource = None


def peak_resident() -> int:
    """Most bytes of main memory this process has held at a time.

    Returns:
        int: 0 on Windows, where Python does not tell.
    """
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak if sys.platform == 'darwin' else peak * 1024
