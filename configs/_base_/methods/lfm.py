# LFM: first the modalities are matched, later the classes told.
objective = [dict(type='mmbalance_plugin.LFMLoss')]
