"""Two hosts, which are network namespaces here, against one process."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
# This namespace is the first host, that of the process SECOND the second; a
# cable between them. All of it ends with the process, which is the first of a
# process namespace.
HOSTS = """
set -e
ip link set lo up
unshare --net sleep 600 &
SECOND=$!
until [ "$(readlink /proc/$SECOND/ns/net)" != "$(readlink /proc/$$/ns/net)" ]
do sleep .1; done
ip link add name first type veth peer name second
ip link set second netns $SECOND
ip addr add 10.1.0.1/24 dev first
ip link set first up
on_second() { nsenter --target $SECOND --net "$@"; }
on_second ip link set lo up
on_second ip addr add 10.1.0.2/24 dev second
on_second ip link set second up
"""
# Hosts that share a disk, but for their names: they resolve to 127.0.0.1.
TRAIN = """
export NNODES=2 MASTER_ADDR=10.1.0.1 PORT=29500
NODE_RANK=1 GLOO_SOCKET_IFNAME=second on_second bash "$@" &
PEER=$!
NODE_RANK=0 GLOO_SOCKET_IFNAME=first bash "$@"
wait $PEER
"""


def on_two_hosts(script, *args):
    return subprocess.run(
        ['unshare', '--map-root-user', '--net', '--pid', '--fork',
         '--mount-proc', '--kill-child', 'bash', '-c', HOSTS + script, 'bash',
         *map(str, args)], capture_output=True, text=True, timeout=500)


@pytest.fixture
def hosts():
    """A function that runs a script on two hosts."""
    if not all(map(shutil.which, ('unshare', 'nsenter', 'ip'))):
        pytest.skip('needs unshare, nsenter and ip, of Linux')
    made = on_two_hosts('')
    if made.returncode:
        pytest.skip(f'network namespaces are not permitted: {made.stderr}')
    return on_two_hosts


@pytest.mark.slow
def test_two_hosts_equal_one_process(config, root, hosts, main, monkeypatch):
    main('train', 'toy.py', '--work-dir', 'one')
    monkeypatch.setenv('PYTHON', sys.executable)
    monkeypatch.setenv('PYTHONPATH', f'{root}:{HERE}')
    done = hosts(TRAIN, root / 'tools/dist_train.sh', 'toy.py', 1,
                 '--work-dir', 'two', '--cfg-options',
                 'train_dataloader.batch_size=2')
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'MultimodalDistributedDataParallel' in Path('two/toy.py').read_text(
        encoding='utf-8')
    one, two = (torch.load(f'{name}/epoch_2.pth', weights_only=False)
                for name in ('one', 'two'))
    # Each step of both takes the same four samples.
    assert one['meta']['iter'] == two['meta']['iter'] == 8
    torch.testing.assert_close(two['state_dict'], one['state_dict'])
