"""A finding as a small drawing: our mean with its interval, beside the paper's number or zero."""

from compendium.claims.evaluation import Verdict, text
from compendium.claims.rules import Order, is_number

WIDTH, HEIGHT = 80, 16  # of the drawing, in its own units
REACH = 4  # margins between the middle and either end
EDGE = 5  # what is beyond stands here, as an arrow


def drawing(one: Verdict) -> str:
    """Return the drawing as SVG, with its words; "" for what has neither an interval nor an order.

    A number of a training: the middle is the paper's number, the band its margin. Several orders: the one
    that is least sure; the middle is zero.
    """
    claim, found = one.claim, one.found
    if found.orders:
        least = max(found.orders, key=lambda order: order.below)
        return _order(least, len(found.orders))
    if claim.margin is None or not is_number(found.ours):
        return ""
    margin = claim.margin.of(claim.value)
    low, high = found.interval or (found.ours, found.ours)
    ends = "" if found.interval is None else f", 95 % interval {text(low, 4)} to {text(high, 4)}"
    places = [_place((value - claim.value) / margin / REACH) for value in (low, found.ours, high)]
    band = WIDTH / 2 / REACH
    return _svg(
        f"ours {text(found.ours, 4)}{ends}; the margin round {text(claim.value)} is {text(margin, 2)}",
        f'<rect class="margin" x="{WIDTH / 2 - band:g}" width="{2 * band:g}" height="{HEIGHT}"/>',
        *_dot_and_line(places),
    )


def _order(order: Order, number: int) -> str:
    reach = max(abs(order.low), abs(order.high)) or 1
    places = [_place(value / reach) for value in (order.low, order.difference, order.high)]
    of_several = f" (of {number} orders the least sure)" if number > 1 else ""
    return _svg(f"{order}{of_several}", *_dot_and_line(places))


def _place(share: float) -> float:
    """Return where a value stands, from its share of the way from the middle to the right end."""
    half = WIDTH / 2
    return half + max(-1, min(1, share)) * (half - EDGE)


def _dot_and_line(places: list[float]) -> list[str]:
    low, middle, high = places
    return [
        f'<line class="at" x1="{WIDTH / 2:g}" x2="{WIDTH / 2:g}" y1="0" y2="{HEIGHT}"/>',
        f'<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="{HEIGHT / 2:g}" y2="{HEIGHT / 2:g}"/>',
        _beyond(middle) or f'<circle cx="{middle:.1f}" cy="{HEIGHT / 2:g}" r="3"/>',
    ]


def _beyond(place: float) -> str:
    """Return an arrow for a mean that is further away than the drawing reaches, or ""."""
    ends = {EDGE: -EDGE, WIDTH - EDGE: EDGE}
    if place not in ends:
        return ""
    tip = place + ends[place]
    base = place - ends[place] * 0.4
    return f'<path d="M{tip:g} {HEIGHT / 2:g}L{base:g} 2V{HEIGHT - 2}Z"/>'


def _svg(words: str, *shapes: str) -> str:
    return (
        f'<svg class="drawn" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
        f"{''.join(shapes)}</svg>"
    )
