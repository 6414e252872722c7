"""One line for a mistake that a user can mend, None for a fault in code."""
import re
from types import TracebackType
from typing import Any, Optional

PACKAGE = 'mmbalance_plugin'
# Raised on purpose, with a sentence. What else may come out of this
# package's code (IndexError, AttributeError ...) is a fault.
SPOKEN = (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError)
# The same of the toolkit, whose TypeErrors and KeyErrors are mostly faults.
TOOLKIT = ('mmengine', 'mmaction', 'mmcv')
TOOLKIT_SPOKEN = (ValueError, RuntimeError, AssertionError)
# A data loader hands on what a worker process raised.
WORKER = re.compile(r'^Caught \w+ in .*?Original Traceback', re.DOTALL)
FRAME = re.compile(r'^  File "(.+?)", line \d+', re.MULTILINE)
NOT_REGISTERED = re.compile(r"^'?([\w.]+) is not in the (.+?) registry")
OPERANDS = re.compile('not supported between instances|unsupported operand')
ARGUMENTS = re.compile(r'\(\) (got an unexpected keyword|missing \d+ requir|'
                       r"got multiple values)|^Can't instantiate abstract")


def explain(error: BaseException) -> Optional[str]:
    """Put an exception into one line.

    Args:
        error (BaseException): What ended a tool.

    Returns:
        str: What is wrong and, where it is known, what mends it; None if
        the traceback is what its reader needs.
    """
    text = str(error)
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{error.filename}: {error.strerror}'
    module = _raised_in(error.__traceback__)
    raised_in = module.partition('.')[0]
    if isinstance(error, KeyError) and module.endswith('.checkpoint_hook'):
        return (f'save_best names {text}, which validation does not give '
                '(the lines "Epoch(val)" of the log list what it does)')
    built = _being_built(error.__traceback__)
    if built and isinstance(error, (TypeError, ValueError)) and (
            raised_in == 'torch' or OPERANDS.search(text)
            or built.__module__.partition('.')[0] in ('torch', *TOOLKIT)):
        return f'{built.__name__} cannot be built: {" ".join(text.split())}'
    own = type(error).__module__.partition('.')[0] == PACKAGE
    if WORKER.match(text):
        files = FRAME.findall(text)
        own = own or f'/{PACKAGE}/' in files[-1].replace('\\', '/')
        text = _after_the_frames(text)
    else:
        own = own or raised_in == PACKAGE
    if own and isinstance(error, SPOKEN) or isinstance(error, OSError):
        return ' '.join(text.split())
    if raised_in in TOOLKIT and isinstance(error, TOOLKIT_SPOKEN) and text:
        return ' '.join(text.split())
    missing = NOT_REGISTERED.match(text)
    if missing and isinstance(error, KeyError):
        return _not_registered(*missing.groups())
    if type(error) is RuntimeError and raised_in == 'torch':
        given = _given_to_a_backbone(error.__traceback__)
        return given and f'{given}: {" ".join(text.split())}'
    if isinstance(error, ImportError):
        return f'an import failed: {text}'
    if isinstance(error, TypeError) and ARGUMENTS.search(text):
        return text
    return None


def _after_the_frames(text: str) -> str:
    """The last message of a traceback in words, without its type."""
    lines = text.rstrip().split('\n')
    last = max(i for i, line in enumerate(lines) if line.startswith('  '))
    message = '\n'.join(lines[last + 1:])
    return re.sub(r'^[\w.]+: ', '', message)


def _given_to_a_backbone(traceback: Optional[TracebackType]
                         ) -> Optional[str]:
    """What an encoder's backbone was given when the error came out of it.

    Of a backbone of the user's own the traceback is what helps.
    """
    given = None
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get('__name__', '')
        owner = module.partition('.')[0]
        if (module == f'{PACKAGE}.models.encoders.modality_encoder'
                and frame.f_code.co_name == '_encode'):
            encoder, inputs = (frame.f_locals[k] for k in ('self', 'inputs'))
            given = (f'{encoder._name()} cannot take its input of shape '
                     f'{tuple(inputs.shape)}')
        elif owner not in (PACKAGE, 'torch', *TOOLKIT, '__main__'):
            given = None
        traceback = traceback.tb_next
    return given


def _being_built(traceback: Optional[TracebackType]) -> Any:
    """Class of the config that was being built."""
    built = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name == 'build_from_cfg':
            built = frame.f_locals.get('obj_cls', built)
        traceback = traceback.tb_next
    return built


def _raised_in(traceback: Optional[TracebackType]) -> str:
    """Module whose code raised."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ''
    return traceback.tb_frame.f_globals.get('__name__', '')


def _not_registered(name: str, registry: str) -> str:
    from mmbalance_plugin.compat import import_failure
    reason = import_failure(name)
    if reason is not None:
        return f'{name} cannot be built: {reason}'
    return (f'{name} is not in the {registry} registry: mistyped, without '
            'its scope (mmbalance_plugin.X), or in a file that '
            'custom_imports does not name')
