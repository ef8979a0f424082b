"""The dub of a stream on the source's own time: when each phrase is heard, and the cuts to the sample.

All positions are samples since the stream's start, source and dub alike: output fragment k covers the very
samples that input fragment k did. Pure, of numpy alone; one stream has one rate and one `Timeline`.

The order of calls, for each fragment of the source:

1. `phrases.phrases(words, sample_rate_hz)` makes phrases of the words committed with it. Word times are
   seconds since the *stream's* start: add the fragment's own start before.
2. For each phrase in order:

   a. `timeline.plan(phrase, predicted_s)` says at what `speed` to ask the engine for it;
   b. `timeline.prepare(phrase, samples, speed)` takes silences out of the synthesis where it is too long, and
      says at what `tempo` the rest is to be stretched (`sts_actors.audio.tempo.stretch`, in a thread;
      nothing to do where it is 1). The synthesis is resampled to the stream's rate before;
   c. `timeline.add(phrase, samples)` places it. What would make the lag pass its bound is cut, with a fade.

3. `timeline.cut(frames)` takes the output fragment, exactly as long as the input. It is called once for
   every fragment, in order, also for those in which nothing was said: time goes on. For one that failed it is
   `timeline.skip(frames)`: what would sound in it, and go on after it, is heard nowhere.

At the stream's end, `cut(frames, last=True)` fades out what does not fit any more, where the last fragment
is known to be the last; `finish()` hands over what hangs over after the last cut otherwise, and counts it as
lost.
"""
