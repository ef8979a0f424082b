"""Sound as values: codecs, sample rates, tempo and the duration rule.

Pure and synchronous: no Trio, no files, no engines. Whatever takes longer than a millisecond (`decode`,
`encode`, `resample`, `stretch`, `fit`) frees the interpreter lock for most of its time and belongs in a
thread. Samples are float32 in -1 … 1, shape `(frames,)` for mono and `(frames, channels)` otherwise.
"""
