# ResNet18 for the picture and the sound of CREMA-D.
_base_ = './audio_visual_resnet18.py'

model = dict(head=dict(num_classes=6))
