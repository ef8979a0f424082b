"""What is heard behind a beginning is not always what was said."""

import numpy as np
import pytest
from seam_ears import fragment_words

from sts_actors.audio.seams import RATE_HZ, Heard, SeamState, join_words
from sts_actors.audio.seams.joining import not_yet_said
from sts_actors.messages import Word


def word(text, start_s, end_s, probability=0.9):
    return Word(text=text, start_s=start_s, end_s=end_s, probability=probability)


def in_turn(text, start_s, *, each_s=0.3, probability=0.9):
    """Words one after the other."""
    return tuple(
        word(each, start_s + place * each_s, start_s + (place + 1) * each_s, probability)
        for place, each in enumerate(text.split())
    )


def spoken(text, start_s, probability=0.9):
    """Words one after the other, each as long as such a word takes."""
    words = []
    for each in text.split():
        words.append(word(each, start_s, start_s + 0.15 + 0.06 * len(each), probability))
        start_s = words[-1].end_s
    return tuple(words)


class Scripted:
    """Answers one question after the other; times are the fragment's, before which it has heard 1 s."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, question):
        self.asked.append(question)
        answer = self.answers.pop(0)
        if answer is None:
            return None
        words, voice = answer
        after_s = question.pcm.size / RATE_HZ - 4.0
        return Heard(words=words, voice=voice).shifted(after_s)


BEFORE = SeamState(
    audio=np.zeros(RATE_HZ, np.float32),
    words=in_turn("so did you", -0.9),
    decided_s=0.0,
)
ALL = ((-1.0, 4.0),)


def heard(*answers, state=BEFORE, last=True, language="en"):
    """The words decided of a fragment of 4 s, the questions asked for it, and what is left."""
    ear = Scripted(*answers)
    decided = fragment_words(ear, state, np.zeros(4 * RATE_HZ, np.float32), last=last, language=language)
    assert not ear.answers
    return " ".join(each.text for each in decided.words), ear.asked, decided.state


def test_a_word_that_hides_others_is_heard_again_without_the_beginning():
    hiding = (word("when", 0.1, 1.6, 0.4), *in_turn("on sunday in the car we are six", 1.6))
    whole = in_turn("so did you call me when on sunday in the car we are six", -0.9, each_s=0.35)
    texts, asked, _ = heard((hiding, ALL), (whole, ALL))
    assert texts == "call me when on sunday in the car we are six"
    assert [question.prefix for question in asked] == ["so did you", ""]


def test_a_voice_between_two_words_is_of_words_that_were_left_out():
    skipping = (*in_turn("cut it in half", 0.0), *in_turn("then nobody gets it", 2.6))
    whole = in_turn("so did you cut it in half you cannot cut a potato then nobody gets it", -0.9)
    texts, asked, _ = heard((skipping, ALL), (whole, ALL))
    assert texts == "cut it in half you cannot cut a potato then nobody gets it"
    assert len(asked) == 2


def test_a_voice_before_the_first_word_is_of_words_that_were_left_out():
    late = in_turn("that is actually a good idea", 1.3, each_s=0.45)
    whole = in_turn("so did you turn it over that is actually a good idea", -1.26, each_s=0.42)
    texts, asked, _ = heard((late, ALL), (whole, ALL))
    assert texts == "turn it over that is actually a good idea"
    assert [question.prefix for question in asked] == ["so did you", ""]


def test_a_first_word_that_comes_a_little_late_is_believed():
    late = spoken("that is actually a good idea", 0.4)
    texts, asked, _ = heard((late, ((-1.0, 2.8),)))
    assert texts == "that is actually a good idea"
    assert len(asked) == 1


def test_a_pause_before_a_word_hides_nothing():
    late = (word("when", 0.1, 1.6, 0.4), *in_turn("on sunday in the car", 1.6, each_s=0.45))
    texts, asked, _ = heard((late, ((-1.0, 0.0), (1.4, 4.0))))
    assert texts == "when on sunday in the car"
    assert len(asked) == 1


def test_a_word_that_is_drawn_out_hides_nothing():
    slow = (word("when", 0.05, 0.85), *spoken("on sunday in the car", 0.85))
    texts, asked, _ = heard((slow, ((-1.0, 3.0),)))
    assert (texts, len(asked)) == ("when on sunday in the car", 1)


def test_a_word_that_is_too_short_for_its_voice_hides_others_however_sure_it_is():
    # What is spoken fast after it makes no room.
    slow = (word("when", 0.05, 1.1, 1.0), *in_turn("on sunday in the car", 1.1, each_s=0.05))
    whole = spoken("so did you call me when on sunday in the car", -1.0)
    texts, asked, _ = heard((slow, ((-1.0, 2.1),)), (whole, ((-1.0, 2.1),)))
    assert texts == "call me when on sunday in the car"
    assert len(asked) == 2


def test_two_words_hide_others_together_where_neither_would_alone():
    slow = (*spoken("call me", 0.0), word("I", 0.66, 1.2), word("do", 1.2, 1.8), *spoken("on sunday", 1.8))
    whole = spoken("so did you call me what can I say do it on sunday", -1.0)
    assert (
        heard((slow, ((-1.0, 2.6),)), (whole, ((-1.0, 2.6),)))[0] == "call me what can I say do it on sunday"
    )


def test_a_number_may_take_as_long_as_its_digits():
    slow = (word("1984", 0.1, 2.0, 0.95), *spoken("on sunday", 2.0))
    assert heard((slow, ((-1.0, 2.8),)))[0] == "1984 on sunday"


def test_what_is_no_better_without_the_beginning_stays_as_it_was():
    hiding = (word("when", 0.1, 1.6, 0.4), *in_turn("on sunday in the car", 1.6, each_s=0.45))
    other = (
        *in_turn("so did you", -0.9),
        word("then", 0.1, 1.7, 0.3),
        *in_turn("sunday in car", 1.7, each_s=0.7),
    )
    assert heard((hiding, ALL), (other, ALL))[0] == "when on sunday in the car"


def test_what_there_is_no_time_to_hear_again_stays_as_it_was():
    hiding = (word("when", 0.1, 1.6), *spoken("on sunday in the car", 1.6))
    texts, asked, _ = heard((hiding, ALL), None, None)
    assert texts == "when on sunday in the car"
    assert [question.prefix for question in asked] == ["so did you", "", ""]


def test_without_an_answer_to_the_first_question_nothing_is_decided():
    with pytest.raises(ValueError, match="first question"):
        heard(None)


def test_doubtful_words_in_hardly_any_voice_are_none_and_not_asked_about_again():
    texts, asked, _ = heard(((word("I", 0.1, 2.0, 0.03),), ((-1.0, 0.25),)))
    assert (texts, len(asked)) == ("", 1)


def test_likely_words_in_hardly_any_voice_are_words():
    assert heard(((word("no.", 0.0, 0.25, 0.8),), ((-1.0, 0.25),)))[0] == "no."


def test_words_where_there_is_no_voice_are_none():
    assert heard((in_turn("thank you", 1.0), ((-1.0, 0.05),)))[0] == ""


TURN = ((-1.0, 0.9), (1.9, 3.9))
"""One turn to the end of its words, and another."""


def test_a_turn_after_which_a_recogniser_stopped_is_asked_for_by_itself():
    first, second = in_turn("call me when", 0.0), in_turn("on sunday in the car", 1.95)
    texts, asked, _ = heard((first, TURN), (second, TURN))
    assert texts == "call me when on sunday in the car"
    assert asked[1].prefix == ""
    assert asked[1].pcm.size / RATE_HZ == pytest.approx(4.0 - 1.9 + 0.1)


def test_a_turn_is_asked_for_at_once_though_it_could_be_carried():
    first, second = in_turn("call me when", 0.0), in_turn("on sunday in the car", 2.35)
    voice = ((-1.0, 0.9), (2.3, 3.9))
    texts, asked, _ = heard((first, voice), (second, voice), last=False)
    assert texts == "call me when on sunday in the"
    assert len(asked) == 2


def test_what_begins_too_early_to_be_carried_is_decided_though_it_may_be_cut():
    said = (word("one", 0.2, 0.6), word("looong", 1.9, 3.95))
    texts, _, state = heard((said, ((-1.0, 0.6), (2.6, 3.3))), last=False)
    assert texts == "one looong"
    assert state.decided_s == pytest.approx(-0.05)


def test_improbable_words_of_what_is_asked_for_by_itself_are_none():
    first = in_turn("call me when", 0.0)
    thanks = (word("Thank", 1.9, 1.9, 0.02), word("you.", 1.9, 2.0, 0.9), word("Bye.", 2.0, 2.1, 0.02))
    assert heard((first, TURN), (thanks, TURN))[0] == "call me when"


def test_an_improbable_beginning_of_what_is_asked_for_by_itself_is_left_out():
    first = in_turn("call me when", 0.0)
    second = (word("us.", 1.9, 1.95, 0.05), *in_turn("on sunday in the car", 1.95))
    assert heard((first, TURN), (second, TURN))[0] == "call me when on sunday in the car"


def test_the_end_of_the_last_word_is_no_turn():
    texts, asked, _ = heard((in_turn("call me when", 0.0), ((-1.0, 1.35),)))
    assert (texts, len(asked)) == ("call me when", 1)


@pytest.mark.parametrize(
    ("ends_s", "said"), [(1.0, "hello hello who is there"), (1.5, "hello hello Hello? who is there")]
)
def test_a_word_heard_again_is_left_out_and_one_said_again_is_not(ends_s, said):
    first = in_turn("hello hello", 0.3)
    again = (word("Hello?", ends_s - 0.4, ends_s), *in_turn("who is there", ends_s, each_s=0.5))
    voice = ((-1.0, 0.9), (0.95, 3.9))
    assert heard((first, voice), (again, voice))[0] == said


@pytest.mark.parametrize(("probability", "kept"), [(0.95, "one Ensure"), (0.5, "one")])
def test_a_word_that_is_not_sure_is_decided_further_from_the_end(probability, kept):
    said = (word("one", 1.5, 2.0), word("Ensure", 2.9, 3.4, probability), word("the", 3.5, 3.9))
    texts, _, state = heard((said, ((-1.0, 0.0), (1.5, 2.0), (2.9, 4.0))), last=False)
    assert texts == kept
    assert state.decided_s == pytest.approx((2.9 if kept == "one" else 3.5) - 0.1 - 4.0)


def test_words_that_go_on_after_the_sound_has_ended_are_none():
    loop = tuple(word(text, 3.99, 4.0) for text in 6 * ("six", "with", "martin."))
    said = spoken("six with martin.", 2.6)
    texts, asked, _ = heard(((*said, *loop), ((-1.0, -0.1), (2.6, 3.9))))
    assert (texts, len(asked)) == ("six with martin.", 1)


def test_silence_is_decided_but_for_the_guard():
    texts, _, state = heard(((), ((-1.0, -0.1),)), last=False)
    assert texts == ""
    assert state.decided_s == pytest.approx(-0.4)


def test_where_nothing_is_carried_nothing_is_asked_at_the_end():
    assert fragment_words(None, SeamState(), np.zeros(0, np.float32), last=True).words == ()


def test_a_language_without_spaces_begins_without_them():
    state = SeamState(audio=BEFORE.audio, words=in_turn("你 好", -0.6), decided_s=0.0)
    _, asked, _ = heard((in_turn("吗", 0.0), ((-1.0, 0.3),)), state=state, language="zh")
    assert asked[0].prefix == "你好"
    assert join_words(in_turn("a b", 0.0), "en") == "a b"


def test_words_are_told_from_those_said_by_the_nearest_match():
    said = in_turn("no no", 0.0)
    again = in_turn("no no no no", 0.0)
    assert not_yet_said(again, said, 0.6) == again[2:]
    assert not_yet_said(in_turn("yes yes yes", 0.0), said, 0.6) == in_turn("yes yes yes", 0.0)[2:]
    far = in_turn("no no no", 5.0)
    assert not_yet_said(far, said, 0.6) == far
