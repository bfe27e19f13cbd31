"""A line over two axes as SVG."""

from collections.abc import Sequence

_WIDTH, _HEIGHT, _MARGIN = 640, 360, 60


def svg(points: Sequence[tuple[float, float]], title: str, across: str, up: str) -> str:
    """Points joined by a line, and for comparison the straight line from the origin to the last of them."""
    right, top = max(x for x, _ in points), max(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        inner_width, inner_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
        return _MARGIN + x / right * inner_width, _HEIGHT - _MARGIN - y / top * inner_height

    def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    def line(ends: Sequence[tuple[float, float]], style: str) -> str:
        return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in ends)}" fill="none" {style}/>'

    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in (place(*point) for point in points)]
    ticks = [
        text(place(right * part / 4, 0)[0], _HEIGHT - _MARGIN + 18, f"{right * part / 4:,.0f}")
        for part in range(5)
    ]
    ticks += [
        text(_MARGIN - 8, place(0, top * part / 4)[1] + 4, f"{top * part / 4:,.0f}", "end")
        for part in range(5)
    ]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        text(_WIDTH / 2, 24, title),
        line([place(0, top), place(0, 0), place(right, 0)], 'stroke="black"'),
        line([place(0, 0), place(*points[-1])], 'stroke="silver" stroke-dasharray="4"'),
        line([place(*point) for point in points], 'stroke="black" stroke-width="1.5"'),
        *marks, *ticks,
        text(_WIDTH / 2, _HEIGHT - 12, across),
        f'<text transform="translate(14 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{up}</text>',
        "</svg>", "",
    ])  # fmt: skip
