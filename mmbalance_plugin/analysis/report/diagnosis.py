"""The report of a diagnosis."""
from typing import Any, Callable, Dict, List, Mapping, Tuple

from .page import Figure, Section, Table, Verdict, render_page
from .plots import Interval, intervals, lines

Diagnosis = Mapping[str, Any]

_NAMES = dict(alone='trained alone', inside='inside the model',
              probe='probe of its encoder')


def diagnosis_report(diagnosis: Diagnosis) -> str:
    """Write what a diagnosis found as a page.

    Args:
        diagnosis (Mapping): What ``tools/diagnose.py`` stores as JSON.
            Parts that were not measured may be absent, their sections are
            then left out.

    Returns:
        str: An HTML document, see :func:`render_page`.
    """
    verdicts = [Verdict(v['tone'], v['text'])
                for v in diagnosis['verdicts']]
    sections = [build(diagnosis) for keys, build in _SECTIONS
                if all(diagnosis.get(key) for key in keys)]
    return render_page(f'Modality balance of {diagnosis["config"]}',
                       verdicts, sections, diagnosis['facts'])


def _next(diagnosis: Diagnosis) -> Section:
    step = diagnosis['next']
    return Section('What to run next', step['why'],
                   command=step['command'])


def _modalities(diagnosis: Diagnosis) -> Section:
    kinds = [k for k in _NAMES if diagnosis.get(k)]
    rows = {m: {_NAMES[k]: diagnosis[k][m] for k in kinds
                if m in diagnosis[k]} for m in diagnosis['modalities']}
    table = Table(['modality', *kinds],
                  [[m, *(percent(row[_NAMES[k]]) if _NAMES[k] in row else '-'
                         for k in kinds)] for m, row in rows.items()])
    return Section(
        'Does a modality starve?',
        'A modality that reaches less inside the model than alone is '
        'held back by the others. The probe is a new linear classifier on '
        "its encoder's features: where it is low too, the encoder "
        'itself learned less.',
        [Figure(intervals(rows, 'accuracy, %'),
                'Accuracy of each modality alone, inside the model '
                'and by a probe, with 95 % intervals.')], [table])


def _methods(diagnosis: Diagnosis) -> Section:
    accuracy = diagnosis['accuracy']
    rows = {name: {'accuracy': value} for name, value in accuracy.items()}
    figures = [Figure(intervals(rows, 'accuracy, %'),
                      'Accuracy of the fused prediction.')]
    tables = [Table(['trained', 'accuracy, %'],
                    [[n, percent(v)] for n, v in accuracy.items()])]
    if diagnosis.get('differences'):
        figures.append(Figure(
            intervals({n: {'difference': v} for n, v in
                       diagnosis['differences'].items()},
                      'difference, points', zero=True),
            'Paired differences; what covers zero is within noise.'))
        tables.append(Table(
            ['difference', 'points'],
            [[n, percent(v, sign=True)]
             for n, v in diagnosis['differences'].items()]))
    return Section('What helps?', 'The same encoders, trained by the '
                   'baselines that every balancing method must beat.',
                   figures, tables)


def _interaction(diagnosis: Diagnosis) -> Section:
    value = diagnosis['interaction']
    return Section(
        'Is there anything that only the pair tells?',
        'The joint model, trained on the real pairs and on pairs exchanged '
        f'within the class: a difference of {percent(value, sign=True)} '
        'points on real pairs. Above zero, training used what a modality '
        'tells only together with the other; where it is zero, training '
        'the modalities apart loses nothing; below zero, they err together, '
        'which exchanged pairs hide.',
        [Figure(intervals({'real - exchanged': {'': value}},
                          'difference, points', zero=True),
                'Gain from real pairs, with its 95 % interval.')])


def _ratios(diagnosis: Diagnosis) -> Section:
    return Section(
        'Which modality runs ahead in training?',
        "The true class's probability by one modality over that by the "
        'others, as OGM has it: above 1, it is ahead.',
        [Figure(_curves(diagnosis['ratios'], 'epoch', 'ratio'),
                'Discrepancy ratio of each modality over training.')])


def _shapley(diagnosis: Diagnosis) -> Section:
    figures, tables = [], []
    for name, label, scale, digits in (
            ('accuracy', 'points of accuracy', 1, 1),
            ('log_likelihood', 'nats', .01, 2)):
        values = diagnosis['shapley'].get(name)
        if values:
            scaled = {m: [scale * v for v in values[m]] for m in values}
            figures.append(Figure(
                intervals({m: {'share': v} for m, v in scaled.items()},
                          label, zero=True),
                f'Shapley value of each modality in {label}.'))
            tables.append(Table(
                ['modality', label],
                [[m, percent(v, True, digits)] for m, v in scaled.items()]))
    return Section(
        'What does each modality contribute?',
        'Shapley values of the model over every subset of '
        f'modalities. {diagnosis["shapley"]["baseline"]}', figures, tables)


def _conflict(diagnosis: Diagnosis) -> Section:
    tables = [Table(['cosine of', 'mean', 'share of steps below zero'],
                    [[name, f'{value["mean"]:+.2f}',
                      f'{100 * value["negative"]:.0f} %']
                     for name, value in diagnosis['conflict'].items()])]
    return Section(
        'Do the losses pull against each other?',
        'Cosines between gradients in the model: between the fused '
        "and a modality's own loss in its encoder, and between the "
        "modalities' losses in what they share.", tables=tables)


def _robustness(diagnosis: Diagnosis) -> Section:
    found = diagnosis['robustness']
    figures, tables = [], []
    if found.get('missing'):
        tables.append(Table(['missing', 'accuracy, %'],
                            [[m, percent(v)]
                             for m, v in found['missing'].items()]))
    if found.get('noise'):
        figures.append(Figure(
            lines({m: _columns(points, 1, 100)
                   for m, points in found['noise'].items()},
                  'noise, in standard deviations of the input',
                  'accuracy, %'),
            'Accuracy of the model when one modality is noisy.'))
    return Section(
        'What if a modality is missing or noisy?', 'What the model '
        'reaches without one, and with noise in one.', figures, tables)


def _calibration(diagnosis: Diagnosis) -> Section:
    found: Dict[str, Dict[str, Any]] = diagnosis['calibration']
    return Section(
        'Can its confidence be believed?',
        'ECE is the mean gap between confidence and accuracy. A fitted '
        'temperature above 1 means overconfidence.',
        [Figure(lines({n: _columns(v['bins']) for n, v in found.items()},
                      'confidence', 'accuracy', diagonal=True),
                'Reliability diagram: on the diagonal, confidence is '
                'accuracy.')],
        [Table(['prediction', 'ECE, %', 'temperature'],
               [[n, f'{100 * v["ece"]:.1f}', f'{v["temperature"]:.2f}']
                for n, v in found.items()])])


#: What a section needs, and who builds it, in the order of the page.
_SECTIONS: List[Tuple[Tuple[str, ...], Callable[[Diagnosis], Section]]] = [
    (('next', ), _next),
    (('alone', 'inside'), _modalities),
    (('accuracy', ), _methods),
    (('interaction', ), _interaction),
    (('ratios', ), _ratios),
    (('shapley', ), _shapley),
    (('conflict', ), _conflict),
    (('robustness', ), _robustness),
    (('calibration', ), _calibration),
]


def percent(value: Interval, sign: bool = False, digits: int = 1) -> str:
    """Write an estimate and its bounds, fractions, in percent."""
    form = f'{{:{"+" if sign else ""}.{digits}f}}'
    estimate, low, high = (form.format(100 * v) for v in value)
    return estimate if low == high else f'{estimate} ({low} to {high})'


def _columns(points: Any, x_scale: float = 1, y_scale: float = 1
             ) -> Tuple[List[float], List[float]]:
    return ([x_scale * p[0] for p in points],
            [y_scale * p[1] for p in points])


def _curves(series: Mapping[str, Any], x: str, y: str) -> str:
    return lines({n: _columns(points) for n, points in series.items()}, x, y)
