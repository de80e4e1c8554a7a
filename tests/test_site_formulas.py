import re

import pytest

from compendium.site.formulas import mathml


def plain(latex, **given):
    """MathML without what only spaces it."""
    return re.sub(r' (?:alttext|form|[lr]space|stretchy|display)="[^"]*"', "", mathml(latex, **given))


def test_a_formula_keeps_its_latex_for_those_who_cannot_see_it():
    assert 'alttext="\\frac{1}{n}"' in mathml(r"\frac{1}{n}")
    assert "<mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow>" in mathml(r" \frac{1}{n} ")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\mathbb R^n", "<msup><mi>ℝ</mi><mi>n</mi></msup>"),
        (r"f: A", "<mi>f</mi><mo>:</mo><mi>A</mi>"),
        (r"\mathcal N(0, 1)", "<mi>𝒩</mi>"),
        (r"\mathrm{MSE}", "<mi>MSE</mi>"),
        (r"\mathrm{E}[x]", '<mi mathvariant="normal">E</mi>'),
        (r"\mathrm E[x]", '<mi mathvariant="normal">E</mi>'),
        (r"\operatorname{arg\,max}_c x", "<mo>arg</mo>"),
        (r"\bigl\lVert x \bigr\rVert^2", "<mo>‖</mo><mi>x</mi><msup><mo>‖</mo><mn>2</mn></msup>"),
    ],
)
def test_what_latex2mathml_does_not_know_is_put_right(latex, expected):
    assert expected in plain(latex)


def test_functions_are_spaced_as_tex_does():
    thin = '<mspace width="0.167em" />'
    assert f"<mi>x</mi>{thin}<mo>log</mo>{thin}<mi>p</mi>" in plain(r"x \log p")
    assert f"<mn>3</mn>{thin}<msub><mo>log</mo><mn>2</mn></msub>{thin}<mi>p</mi>" in plain(r"3 \log_2 p")
    assert "<mo>max</mo><mo>(</mo>" in plain(r"\max(0, 1)")
    assert "<munder><mo>min</mo>" in plain(r"\min_\theta x", block=True)
    assert f"</mrow>{thin}<msub><mo>max</mo><mi>c</mi></msub>{thin}<mi>x</mi>" in plain(
        r"\operatorname{arg\,max}_c x"
    )
    half = "<mfrac><mn>1</mn><mn>2</mn></mfrac>"
    assert f"{half}{thin}<mi>x</mi>" in plain(r"\frac12 x")
    assert f"{half}{thin}<mo>(</mo>" in plain(r"\frac12 (x)")
    assert f"{half}<mo>+</mo>" in plain(r"\frac12 + x")


def test_a_sign_is_spaced_as_what_it_is():
    prefix = '<mo form="prefix">−</mo>'
    assert f"<mo>=</mo>{prefix}<mi>x</mi>" in mathml("a = -x")
    assert prefix not in mathml("(a) - x")
    assert "<mo>±</mo>" in mathml(r"a \pm b")
    assert "<mo>∼</mo>" in mathml(r"a \sim b")
    assert "<mi>…</mi>" in mathml(r"a, \dots, b")
    assert '<mo stretchy="false" lspace="0" rspace="0">|</mo>' in mathml("|M|").replace('fence="false" ', "")
    assert 'accent="true"' in mathml(r"\bar d")
    assert "~</mo></mover>" in mathml(r"\tilde x")
    assert '<msub><mover accent="true">' in mathml(r"\tilde x_i")
    assert '<mo lspace="0" rspace="0">.</mo>' in mathml("x = 1 .")


def test_an_unknown_command_is_a_fault_and_not_a_word_on_the_page():
    with pytest.raises(ValueError, match=r"\\flob is not known in the formula \\flob x"):
        mathml(r"\flob x")
