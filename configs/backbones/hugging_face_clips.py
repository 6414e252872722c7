# python tools/train.py configs/backbones/hugging_face_clips.py
#
# Hugging Face's Wav2Vec2 for waveforms and ResNet18 for pictures, pretrained.
_base_ = '../multi_loss_clips.py'

# Sound as it is, at the rate that Wav2Vec2 was trained with.
sound, = _base_.audio
decode, _ = sound.transforms
audio = [dict(sound, transforms=[dict(decode, sample_rate=16000)])]
train, pack = _base_.train_pipeline
test, _ = _base_.test_pipeline
train_pipeline = [dict(train, audio=audio), pack]
test_pipeline = [dict(test, audio=audio), pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    encoders=dict(
        audio=dict(
            backbone=dict(
                _delete_=True,
                type='transformers.AutoModel.from_pretrained',
                pretrained_model_name_or_path='facebook/wav2vec2-base',
                # Its embedding of what is masked would get no gradient in
                # steps that mask nothing, which DDP refuses.
                mask_time_prob=0.),
            feat_channels=768),
        visual=dict(
            backbone=dict(
                _delete_=True,
                type='transformers.AutoModel.from_pretrained',
                pretrained_model_name_or_path='microsoft/resnet-18'))))
