"""A diagnosis with every part in it."""


def _around(estimate, width):
    return [estimate, estimate - width, estimate + width]


DIAGNOSIS = dict(
    config='configs/joint_av_digits.py',
    modalities=['audio', 'visual'],
    verdicts=[
        dict(tone='warn', text='Imbalanced: visual reaches 76.2 of its 83.6 '
             'inside the joint model.'),
        dict(tone='good', text='Decoupled training recovers it: + 1.2 points '
             '(.6 to 1.8).'),
    ],
    next=dict(command='python tools/train.py '
              'configs/late_fusion_calibrated_av_digits.py',
              why='The best of the runs measured.'),
    alone=dict(audio=_around(.747, .01), visual=_around(.836, .008)),
    inside=dict(audio=_around(.71, .012), visual=_around(.762, .01)),
    probe=dict(audio=_around(.73, .01), visual=_around(.79, .01)),
    accuracy=dict(joint=_around(.951, .004), multi_loss=_around(.962, .005),
                  decoupled=_around(.966, .004)),
    differences={'multi_loss - joint': _around(.011, .005),
                 'decoupled - joint': _around(.015, .006)},
    interaction=_around(.001, .006),
    ratios=dict(audio=[[1, .8], [2, .9], [3, 1.1]],
                visual=[[1, 1.25], [2, 1.1], [3, .9]]),
    shapley=dict(
        baseline='An absent modality has zeros in place of its feature.',
        accuracy=dict(audio=_around(.35, .01), visual=_around(.5, .01)),
        log_likelihood=dict(audio=_around(.9, .1), visual=_around(1.2, .1))),
    conflict={
        'audio: fused, own': dict(mean=.31, negative=.04),
        'visual: fused, own': dict(mean=.22, negative=.1),
    },
    robustness=dict(
        missing=dict(audio=_around(.8, .01), visual=_around(.7, .01)),
        noise=dict(audio=[[0, .95], [.5, .93], [1, .9], [2, .82]],
                   visual=[[0, .95], [.5, .9], [1, .8], [2, .6]])),
    calibration=dict(
        fused=dict(ece=.02, temperature=1.3,
                   bins=[[.35, .3], [.6, .5], [.9, .85], [.99, .98]]),
        audio=dict(ece=.04, temperature=1.5,
                   bins=[[.35, .25], [.6, .45], [.9, .8], [.99, .95]])),
    facts=dict(config='configs/joint_av_digits.py', commit='0123abc',
               seeds='0 1 2', budget='quick'),
)
