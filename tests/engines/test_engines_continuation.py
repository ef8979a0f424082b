"""What is left to say of a sentence: nothing lost, nothing twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.engines.continuation import rest_of, without_echo


@pytest.mark.parametrize(
    ("spoken", "whole", "rest"),
    [
        ("Quando ele chegou", "Quando ele chegou, o trem saiu.", "o trem saiu."),
        ("o último.", "O último trem saiu.", "trem saiu."),
        ("Ele disse", "Ele disse “sim”.", "“sim”."),
        ("Ele disse", "Ele disse: (sim).", "(sim)."),
        ("O novo", "A nova lei foi aprovada.", "lei foi aprovada."),
        ("O ministro da", "O ministro das Finanças saiu.", "Finanças saiu."),
        ("Acho que você deveria", "Acho que você deve ligar.", "ligar."),
        ("Se chover amanhã nós", "Se chover amanhã vamos sair.", "vamos sair."),
        ("Na segunda metade o capitão", "Na segunda parte, o capitão marcou.", "marcou."),
        ("Ele viu casa", "Ele viu a casa azul.", "azul."),
        ("Eu o", "Eu não vi ontem.", "não vi ontem."),
        ("Sim, e meu voo", "Sim, e o meu voo de volta.", "de volta."),
        ("Eu o", "Eu não vi o carro.", "não vi o carro."),
        # A last word that is another is no reason to pass over the one that the whole has.
        ("Ele comprou carros", "Ele comprou peras hoje.", "peras hoje."),
        ("Ele viu casa", "Ele viu cama grande.", "cama grande."),
        ("Em 1998", "Em 1999 ele veio.", "1999 ele veio."),
        ("Na segunda metade o bom jogador", "Na segunda parte o velho jogador marcou.", "marcou."),
        ("It's the", "It's the end.", "end."),
        ("", "Tudo por dizer.", "Tudo por dizer."),
        ("今日は", "今日は天気がいい。", "天気がいい。"),
    ],
)
def test_what_has_been_said_is_taken_off_a_little_change_overlooked(spoken, whole, rest):
    assert rest_of(whole, spoken) == rest


@pytest.mark.parametrize(
    ("spoken", "whole"),
    [
        # The noun came between: it would be lost, or the adjective be heard twice.
        ("Ela comprou um grande vermelho", "Ela comprou um grande carro vermelho em Londres."),
        ("Ele nunca foi", "Nunca esteve em casa, mas fala bem."),
        ("Eu o vi", "Eu não o vi ontem."),
        ("Eu o vejo aqui", "Eu não vejo aqui nada."),
        ("Na segunda metade o jogador", "Na primeira parte o jogador marcou."),
        ("Às sete chega o trem", "Às 19 chega o trem."),
        ("São mil pessoas", "São 10 mil pessoas na rua."),
        ("Hoje o tempo está bom aqui", "Amanhã talvez chova bastante por lá."),
        ("Isto foi tudo", "Isto foi tudo."),
        ("Isto foi tudo", "Isto foi"),
        ("Isto", ""),
        ("Isto", " ... "),
    ],
)
def test_where_the_whole_does_not_begin_so_or_nothing_is_left_there_is_no_rest(spoken, whole):
    assert rest_of(whole, spoken) is None


@pytest.mark.parametrize(
    ("rest", "spoken", "expected"),
    [
        ("O tempo mudou.", "não sabíamos que o", "tempo mudou."),
        ("a casa", "não sabíamos que o", "a casa"),
        ("o", "que o", "o"),
        ("o tempo", "", "o tempo"),
        ("...", "o", "..."),
    ],
)
def test_a_word_that_both_parts_have_at_the_seam_is_said_once(rest, spoken, expected):
    assert without_echo(rest, spoken) == expected


WORDS = st.lists(
    st.sampled_from(["o", "a", "da", "não", "novo", "nova", "casa", "trem", "vermelho", "10", "it's"]),
    max_size=9,
)


@given(WORDS, WORDS.filter(bool), st.sampled_from([" ", ", ", ": "]), st.booleans())
def test_where_the_beginnings_agree_the_rest_is_whole_and_nothing_is_said_twice(start, end, gap, loud):
    spoken = " ".join(start)
    whole = f"{spoken.upper() if loud else spoken}{gap if start else ''}{' '.join(end)}."
    assert rest_of(whole, f"{spoken}.") == " ".join(end) + "."


@given(WORDS, WORDS)
def test_a_rest_is_the_end_of_the_whole_and_no_word_of_weight_is_passed_over(spoken, whole):
    text = " ".join(whole)
    rest = rest_of(text, " ".join(spoken))
    if rest is None:
        return
    assert rest
    assert text.endswith(rest)
    passed = text.removesuffix(rest).split()
    light = {"o", "a", "da"}
    assert len([word for word in passed if word not in light]) <= len(spoken)
    # Each is spoken, in one form or another, or stands in the place of a word that was.
    said = set(spoken) | {"nova" if word == "novo" else "novo" for word in spoken if word.startswith("nov")}
    assert len([word for word in passed if word not in light | said]) <= (1 if len(spoken) < 6 else 2)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_taken(whole, spoken):
    rest = rest_of(whole, spoken)
    assert rest is None or whole.strip().endswith(rest)


@given(WORDS, WORDS, WORDS, st.sampled_from(["nem", "7"]))
def test_a_negation_or_a_number_that_was_not_spoken_is_never_passed_over(spoken, start, end, word):
    rest = rest_of(" ".join([*start, word, *end]), " ".join(spoken))
    assert rest is None or word in rest.split()
