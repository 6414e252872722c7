"""Verdicts on numbers."""
import pytest

from mmbalance_plugin.analysis.diagnosis.verdict import (
    CARRIES,
    CLEARLY,
    HELD_BACK,
    PAIR,
    STARVES,
    TELLS,
    verdicts,
)


def near(estimate, width=.01):
    return [estimate, estimate - width, estimate + width]


NOTHING = near(0)


def measured(alone=(.8, .8), inside=(.79, .79), multi_loss=NOTHING,
             decoupled=NOTHING, interaction=NOTHING, pairs=NOTHING,
             base='joint', chance=.25, names=('audio', 'visual'),
             probe=None, fused=.85, width=.01, worst=-1.):
    alone, inside, probe = (dict(zip(names, values))
                            for values in (alone, inside, probe or inside))
    lost = {m: max(alone[m], probe[m]) - inside[m] for m in names}
    differences = {f'multi_loss - {base}': multi_loss,
                   f'decoupled - {base}': decoupled}
    if interaction is not None:
        differences['decoupled - pairs'] = pairs
    return dict(
        modalities=list(names), base=base, chance=dict.fromkeys(names, chance),
        alone={m: near(v) for m, v in alone.items()},
        inside={m: near(v) for m, v in inside.items()},
        probe={m: near(v) for m, v in probe.items()},
        gaps={m: near(v, width) for m, v in lost.items()},
        excess={m: {n: near(lost[m] - max(0, lost[n]), width) for n in names}
                for m in names},
        worst={m: dict.fromkeys(names, worst) for m in names},
        accuracy={base: near(fused)},
        differences=differences, interaction=interaction,
        each=dict(multi_loss=multi_loss, decoupled=decoupled),
        sampled=dict(multi_loss=multi_loss, decoupled=decoupled))


def kinds(**numbers):
    return [v.kind for v in verdicts(measured(**numbers))]


def test_imbalanced_says_who_how_much_and_what_next():
    said, = verdicts(measured(alone=(.87, .8), inside=(.80, .8),
                              multi_loss=near(.003),
                              decoupled=near(.012, .006)))
    assert said.kind == 'imbalanced' and said.tone == 'warn'
    assert said.run == 'decoupled'
    assert said.text == (
        'imbalanced: audio reaches 80.0 of its 87.0 inside the joint model; '
        'decoupled training recovers it, expected gain +1.2 points (+0.6 to '
        '+1.8)')


def test_two_starve_and_the_worse_is_named_first():
    said, = verdicts(measured(
        alone=(.9, .8, .8), inside=(.9, .75, .6), names='abc',
        multi_loss=near(.04)))
    assert said.text.index('c reaches') < said.text.index('b reaches')
    assert 'a reaches' not in said.text and said.run == 'multi_loss'


@pytest.mark.parametrize('numbers, kind', [
    # All lose alike: nobody is ahead.
    (dict(inside=(.7, .7), decoupled=near(.02)), 'balanced'),
    (dict(inside=(.8 - HELD_BACK - .02, .8 - .021), decoupled=near(.02)),
     'balanced'),
    # One loses, and little is gained by mending that.
    (dict(inside=(.8 - STARVES - .005, .8)), 'balanced'),
    (dict(inside=(.7, .8)), 'imbalanced'),
    # It starves for sure, whatever mending gains; less so, who knows.
    (dict(inside=(.8 - CLEARLY - .02, .8), decoupled=near(.01, TELLS)),
     'imbalanced'),
    (dict(inside=(.8 - CLEARLY, .8), decoupled=near(.01, TELLS)),
     'unknown'),
    # Seeds differ so much that the mean is not sure, yet all of them show it.
    (dict(inside=(.5, .8), width=.4, worst=CLEARLY + .01), 'imbalanced'),
    (dict(inside=(.5, .8), width=.4), 'balanced'),
    # What may be held back is not called balanced where something gains.
    (dict(inside=(.5, .8), width=.4, decoupled=near(.02)), 'unknown'),
    (dict(inside=(.75, .8), width=.1, decoupled=near(.02)), 'balanced'),
    (dict(inside=(.75, .8), width=.1, decoupled=near(.05, .04)), 'unknown'),
    (dict(decoupled=near(TELLS - .011)), 'balanced'),
    (dict(decoupled=near(-.05, .02)), 'balanced'),
    (dict(decoupled=near(.01, TELLS)), 'unknown'),
    (dict(decoupled=near(-.05, .1)), 'unknown')])
def test_gains_and_their_intervals(numbers, kind):
    assert kinds(**numbers) == [kind]


def test_a_doubt_is_told():
    said, = verdicts(measured(inside=(.6, .8), width=.3))
    assert said.text.endswith('; not sure to be held back: audio more than '
                              'another by +20.0 points (-10.0 to +50.0)')


def test_a_modality_may_starve_at_no_price():
    said, = verdicts(measured(inside=(.6, .8), decoupled=near(.003)))
    assert said.text.endswith(
        'audio reaches 60.0 of its 80.0 inside the joint model; decoupled '
        'training gives it its due, but no gain is expected (+0.3 points '
        '(-0.7 to +1.3))')


def test_noise_is_the_half_width():
    said, = verdicts(measured(decoupled=near(.015, .021)))
    assert 'differences below 2.1 points are noise here' in said.text
    assert said.tone == 'unknown'


@pytest.mark.parametrize('sampled, words', [
    (.02, 'More samples help more than more seeds'),
    (.01, 'It is seeds that differ: more of them help more than more')])
def test_what_would_tell_more(sampled, words):
    said, = verdicts(dict(measured(decoupled=near(.015, .021)),
                          sampled=dict(decoupled=near(.015, sampled))))
    assert words in said.text


def test_useless_names_what_is_left():
    said = verdicts(measured(alone=(.26, .8), inside=(.25, .8)))
    assert [v.kind for v in said] == ['useless']
    assert (said[0].run, said[0].drop) == ('joint', ('audio', ))
    assert 'audio carries no label information' in said[0].text
    assert 'most frequent class is 25.0' in said[0].text
    said = verdicts(measured(alone=(.26, .8, .25), inside=(.2, .8, .2),
                             names='abc'))
    assert [v.drop for v in said] == [('a', 'c')] * 2


def test_useless_and_imbalanced_together():
    assert kinds(alone=(.25, .8, .8), inside=(.25, .8, .6), names='abc',
                 decoupled=near(.03)) == ['useless', 'imbalanced']
    # What has nothing to lose is not held back.
    assert kinds(alone=(.28, .8), inside=(.2, .8),
                 decoupled=near(.03)) == ['useless']


@pytest.mark.parametrize('numbers', [
    dict(alone=(.25 + CARRIES, .8)),
    # Alone it is not learned, but its features tell the class.
    dict(alone=(.25, .8), probe=(.6, .8)),
    # Beside nothing.
    dict(alone=(.25, .25))])
def test_what_is_not_called_useless(numbers):
    alone = numbers['alone']
    assert 'useless' not in kinds(**dict(dict(inside=alone), **numbers))


def test_a_little_information_is_not_none():
    said, = verdicts(measured(alone=(.28, .8), inside=(.25, .8)))
    assert 'hardly any label information' in said.text


def test_where_nothing_is_learned_nothing_is_judged():
    said, = verdicts(measured(
        alone=(.25, .26), inside=(.25, .25), fused=.26,
        interaction=near(.03), pairs=near(-.03)))
    assert said.kind == 'unknown' and said.run == 'joint'
    assert 'nothing is learned' in said.text


def test_what_is_learned_late_is_held_back():
    """A probe of its features is the ceiling, then."""
    said, = verdicts(measured(alone=(.3, .8), probe=(.7, .8),
                              inside=(.25, .8)))
    assert said.text.startswith(
        'imbalanced: audio reaches 25.0 of its 70.0 inside the joint model; ')
    assert 'audio learns late: alone it reaches 30.0 (29.0 to 31.0), a ' \
        'linear probe of its features 70.0' in said.text
    # No training gave it its due.
    assert 'no gain is expected of ' in said.text
    assert 'its due' not in said.text


def test_what_has_nothing_to_lose_sets_no_measure():
    """Two lose alike; that the third loses nothing does not make them
    starve."""
    assert kinds(alone=(.8, .8, .25), inside=(.7, .7, .25), names='abc',
                 decoupled=near(.03)) == ['useless']


def test_the_surest_gain_is_named():
    said, = verdicts(measured(inside=(.6, .8), multi_loss=near(.03, .01),
                              decoupled=near(.04, .05)))
    assert said.run == 'multi_loss' and 'recovers it' in said.text


def test_the_pair():
    said = verdicts(measured(alone=(.25, .25), inside=(.25, .25),
                             interaction=near(.5), pairs=near(-.5)))
    assert [(v.kind, v.run) for v in said] == [('pair', 'pairs')]
    assert 'do not decouple' in said[0].text
    assert 'decoupled training loses (-50.0' in said[0].text


@pytest.mark.parametrize('numbers', [
    dict(interaction=near(PAIR - .001, .001)),
    dict(interaction=near(.05, .06)),
    # Apart is better all the same.
    dict(interaction=near(.05), pairs=near(.03)),
    dict(interaction=None)])
def test_no_word_of_the_pair(numbers):
    assert 'pair' not in kinds(**numbers)


def test_a_given_model_is_named():
    said, = verdicts(measured(alone=(.87, .8), inside=(.80, .8),
                              decoupled=near(.03), base='this model'))
    assert 'inside this model' in said.text


@pytest.mark.parametrize('base', ['joint', 'this model'])
def test_where_nothing_is_better_it_stays(base):
    said, = verdicts(measured(base=base))
    assert (said.kind, said.run, said.tone) == ('balanced', base, 'good')
