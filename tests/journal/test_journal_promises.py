"""Whatever a journal is told, it keeps within its bounds, and never shows one stream's as another's."""

from sys import getsizeof

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from told import Clock, config, failure, fragment, header, speech, transcript, translation, work

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.journal import Journal
from sts_actors.journal.journal import ENDED
from sts_actors.journal.shelf import Shelf
from sts_actors.journal.streams import FRAGMENTS, NOTES, StreamEntry

TARGETS = ("pt", "es")
AUDIO_BYTES, TEXT_BYTES = 20_000, 2_000

indices = st.integers(-2, FRAGMENTS + 20)
acts = st.one_of(
    st.tuples(st.just("open")),
    st.tuples(st.just("close"), st.integers(0, 5)),
    *(
        st.tuples(st.just(kind), st.integers(0, 5), indices, st.sampled_from(TARGETS), st.integers(0, 4000))
        for kind in ("admitted", "session", "asr", "translation", "tts", "failed", "answered", "refused")
    ),
)


@attrs.define(eq=False)
class Told:
    """A stream and what it was given: every sound and text carries the stream's own mark."""

    stream: StreamEntry
    mark: int

    def pcm(self, index, frames):
        return np.full(frames, self.mark * 1000 + index, np.float32)

    def text(self, index, size):
        return f"{self.mark}/{index}/" + "x" * (size // 4)

    def act(self, kind, index, language, size):
        stream = self.stream
        if kind == "admitted":
            stream.admitted(header(index))
        elif kind == "session":
            stream.worked(work(fragment(index, self.pcm(index, size)), "session"))
        elif kind == "asr":
            stream.worked(work(transcript(index, self.text(index, size)), "asr"))
        elif kind == "translation":
            product = translation(index, self.text(index, size), language)
            stream.worked(work(product, "translation", language))
        elif kind == "tts":
            stream.worked(work(speech(index, self.pcm(index, size), language), "tts", language))
        elif kind == "failed":
            stream.worked(work(failure(index, language), "tts", language))
        elif kind == "answered":
            stream.answered(speech(index, self.pcm(index, size), language), 1.0)
        else:
            stream.refused(ServiceError(ErrorCode.INVALID_SEQUENCE, "no"), f"{self.mark}/{index}")

    def check(self):
        """What is shown of it is its own."""
        kept = [entry.header.index for entry in self.stream.fragments]
        assert kept == sorted(set(kept))
        assert len(kept) <= FRAGMENTS
        assert len(self.stream.refusal_notes) <= NOTES
        assert all(note.fragment_id.startswith(f"{self.mark}/") for note in self.stream.refusal_notes)
        for index in range(-2, FRAGMENTS + 21):
            texts = [self.stream.transcript(index)]
            texts += [self.stream.translation(index, language) for language in TARGETS]
            sounds = [self.stream.source(index)]
            sounds += [self.stream.dub(index, language) for language in TARGETS]
            for text in texts:
                assert text is None or text.startswith(f"{self.mark}/{index}/")
            for sound in sounds:
                assert sound is None or set(sound.pcm) == {self.mark * 1000 + index}
            # What nobody can come to any more takes no room.
            assert index in kept or not any(each is not None for each in (*texts, *sounds))
        assert all(len(entry.spans) <= 2 + 2 * len(TARGETS) for entry in self.stream.fragments)
        assert all(set(entry.answers) <= set(TARGETS) for entry in self.stream.fragments)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, max_size=150))
def test_no_bound_is_passed_and_no_stream_mixed_with_another_whatever_is_told(told):
    journal = Journal(audio_bytes=AUDIO_BYTES, text_bytes=TEXT_BYTES, now=Clock())
    streams = []
    for kind, *rest in [("open",), *told]:
        if kind == "open":
            number = len(streams) + 1
            # Two sessions take turns, as one does that is refused a stream and asks for another.
            streams.append(Told(journal.opened(f"id{number % 2}", config(*TARGETS), worker_id=""), number))
            continue
        stream = streams[rest[0] % len(streams)]
        if kind == "close":
            stream.stream.closed()
        else:
            stream.act(kind, *rest[1:])
        assert journal.audio_bytes <= AUDIO_BYTES
        assert journal.text_bytes <= TEXT_BYTES
    assert len(journal.ended) <= ENDED
    shown = [each for each in streams if each.stream in (*journal.open, *journal.ended)]
    for each in shown:
        each.check()
    sounds = [
        sound
        for each in shown
        for entry in each.stream.fragments
        for sound in (
            each.stream.source(entry.header.index),
            *(each.stream.dub(entry.header.index, language) for language in TARGETS),
        )
        if sound is not None
    ]
    assert sum(sound.pcm.nbytes for sound in sounds) == journal.audio_bytes


@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.sampled_from(["put", "put", "drop"]), st.integers(0, 9), st.integers(-1, 30))),
)
def test_a_shelf_keeps_the_newest_that_there_is_room_for(size_max, acts):
    shelf, model = Shelf(size_max), {}
    for number, (act, key, size) in enumerate(acts):
        model.pop(key, None)
        if act == "drop":
            shelf.drop(key)
        else:
            shelf.put(key, number, size)
            if 0 < size <= size_max:
                model[key] = (number, size)
            while sum(its for _, its in model.values()) > size_max:
                del model[next(iter(model))]
        assert {key: shelf.get(key) for key in range(10) if key in shelf} == {
            key: value for key, (value, _) in model.items()
        }
        assert shelf.size == sum(its for _, its in model.values())
        assert len(shelf) == len(model)


def test_a_text_costs_what_it_takes_in_memory():
    journal = Journal(audio_bytes=0, text_bytes=TEXT_BYTES, now=Clock())
    stream = journal.opened("id", config(), worker_id="")
    text = "\u3042" * 300
    stream.worked(work(transcript(0, text)))
    assert journal.text_bytes == getsizeof(text) > 600
