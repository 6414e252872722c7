# Everything a run needs that depends neither on data, model nor method.
# MMAction2's scope stays the default: its types need no prefix, the
# plugin's carry `mmbalance_plugin.`.
default_scope = 'mmaction'

# For MMAction2's own tools/train.py: its models import only once the plugin's
# shims are in place. The plugin's tools do not need this line.
custom_imports = dict(imports=['mmbalance_plugin.registry'])

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Written and replaced safely; the best one is that of the fused model.
    checkpoint=dict(
        type='mmbalance_plugin.AtomicCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        save_best='acc/top1'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    # Labels that the head does not have are told before the first batch.
    labels=dict(type='mmbalance_plugin.LabelCheckHook'),
    # Tests the weights chosen on validation, writes summary.json.
    summary=dict(type='mmbalance_plugin.SummaryHook'))

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

# The stage in each line, and in each tag of TensorBoard and the like.
log_processor = dict(
    type='mmbalance_plugin.StageLogProcessor', window_size=20, by_epoch=True)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='mmbalance_plugin.StageVisualizer', vis_backends=vis_backends)

log_level = 'INFO'
load_from = None
# False: what does not fit in load_from's file keeps its initial weights.
load_strict = True
resume = False
# True: a finished run in the work dir may be replaced.
overwrite = False

randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)
