"""What compare.py --tune tries on the shipped configs."""
import copy

import pytest

from mmbalance_plugin.cli.tuning import tuning_specs
from tests.configs.shipped import NAMES, config, set_of

OWN = ('agm', 'cml', 'dgl', 'inforeg', 'lfm', 'mimo', 'mlb', 'mmpareto',
       'ogm', 'ogm_ge', 'opm', 'opm_ogm_ge', 'pmr', 'qmf', 'relearning', 'udi')


@pytest.mark.parametrize(
    'name', [n for n in NAMES if set_of(n) == 'av_digits'])
def test_three_settings_of_options_that_are_there(name):
    cfg, settings = config(name), []
    for spec in tuning_specs(f'configs/{name}', (), 3)[1:]:
        options = dict(o.split('=', 1) for o in spec.split('::')[1:])
        for key in options:
            node = cfg._cfg_dict
            for part in key.split('.'):
                owner = node
                node = node[int(part)] if isinstance(
                    node, (list, tuple)) else node.get(part)
                if node is None:  # an option with a default
                    assert 'type' in owner, key
                    break
        settings.append(options)
    rates = {k.split('.')[-1] for options in settings for k in options}
    method = name.removesuffix(f'_{set_of(name)}.py')
    assert (rates == {'lr'}) == (method not in OWN), name
    assert settings[0] != settings[1]


def test_two_methods_at_once_are_tuned_in_step():
    specs = tuning_specs('configs/opm_ogm_ge_av_digits.py', (), 3)
    assert [sorted(s.split('::')[1:]) for s in specs] == [
        [], ['model.q_base=0.25', 'optim_wrapper.alpha=0.2'],
        ['model.q_base=0.75', 'optim_wrapper.alpha=0.6']]


def test_settings_differ_from_what_is_shipped():
    for name in NAMES:
        if set_of(name) != 'multiple_features':
            continue
        before = config(name)
        for key, value in before.items():
            if not key.endswith('tuning'):
                continue
            for options in value:
                after = copy.deepcopy(before)
                after.merge_from_dict(dict(options))
                assert after._cfg_dict != before._cfg_dict, (name, options)
