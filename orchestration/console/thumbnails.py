"""Thumbnails that no video is needed for: a colour and a motif from an item's kind, their places from its id."""

from markupsafe import Markup

from infra.marks import mark

WIDTH, HEIGHT = 160, 90
MOTIFS = 8


def thumbnail(kind: str, item: str, place: str = "") -> Markup:
    """A drawing: items of one kind look alike, and no two of them are the same. It is decoration: words say the kind.

    place  tells two drawings of one item on one page apart
    """
    of_kind, draw = mark(f"thumbnail:{kind}"), mark(item)
    hue, motif = of_kind % 360, of_kind // 360 % MOTIFS
    u, v, w = (draw >> 8) % 100 / 100, (draw >> 24) % 100 / 100, (draw >> 40) % 100 / 100
    name = f"t{draw:x}{place}"
    shapes = (_hills, _sun, _city, _waves, _rings, _stripes, _grid, _notes)[motif](u, v, w)
    return Markup(
        f'<svg class="thumbnail" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice" '
        f'aria-hidden="true" focusable="false">'
        f'<defs><linearGradient id="{name}" x1="0" y1="0" x2="{w:.2f}" y2="1">'
        f'<stop offset="0" stop-color="hsl({hue} 62% {60 + 8 * u:.0f}%)"/>'
        f'<stop offset="1" stop-color="hsl({(hue + 35) % 360} 58% {34 + 8 * v:.0f}%)"/></linearGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#{name})"/><g fill="#fff">{shapes}</g></svg>'
    )


def _hills(u: float, v: float, w: float) -> str:
    far, near = 40 + 20 * u, 55 + 15 * v
    return (
        f'<circle cx="{30 + 100 * w:.0f}" cy="{18 + 10 * u:.0f}" r="9" opacity=".75"/>'
        f'<path opacity=".25" d="M0 90V{far:.0f}L{40 + 30 * v:.0f} {far - 22:.0f}'
        f'L{90 + 20 * u:.0f} {far + 8:.0f}L160 {far - 10:.0f}V90Z"/>'
        f'<path opacity=".35" d="M0 90V{near:.0f}Q40 {near - 25:.0f} 80 {near:.0f}T160 {near - 5:.0f}V90Z"/>'
    )


def _sun(u: float, v: float, w: float) -> str:
    x, y, r = 40 + 80 * u, 35 + 25 * v, 14 + 12 * w
    rays = "".join(
        f'<rect x="{x - 1:.0f}" y="{y - r - 22:.0f}" width="3" height="14" rx="1.5" '
        f'transform="rotate({a} {x:.0f} {y:.0f})"/>'
        for a in range(0, 360, 30)
    )
    return f'<g opacity=".4">{rays}</g><circle opacity=".75" cx="{x:.0f}" cy="{y:.0f}" r="{r:.0f}"/>'


def _city(u: float, v: float, w: float) -> str:
    heights = [20 + (u * 37 + v * 53 + w * 71 + i * 29.7) % 48 for i in range(8)]
    return "".join(
        f'<rect opacity="{0.25 + i % 3 * 0.12:.2f}" x="{i * 20 + 2}" y="{90 - h:.0f}" '
        f'width="17" height="{h:.0f}" rx="1"/>'
        for i, h in enumerate(heights)
    )


def _waves(u: float, v: float, w: float) -> str:
    lines = "".join(
        f'<path opacity="{0.2 + 0.1 * i:.1f}" d="M0 {y:.0f}q20 {-8 - 8 * u:.0f} 40 0t40 0 40 0 40 0V90H0Z"/>'
        for i, y in enumerate((38 + 8 * v, 54 + 6 * w, 70 + 4 * u))
    )
    return f'{lines}<circle opacity=".8" cx="{25 + 110 * w:.0f}" cy="{20 + 8 * v:.0f}" r="8"/>'


def _rings(u: float, v: float, w: float) -> str:
    x, y = 40 + 80 * u, 30 + 30 * v
    rings = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{r}" fill="none" stroke="#fff" stroke-width="{2 + 3 * w:.1f}"/>'
        for r in (12, 24, 36, 50)
    )
    return f'<g opacity=".4">{rings}</g><circle opacity=".8" cx="{x:.0f}" cy="{y:.0f}" r="5"/>'


def _stripes(u: float, v: float, w: float) -> str:
    lines = "".join(
        f'<rect x="{i * (14 + 8 * v):.0f}" y="-60" width="{5 + 6 * w:.0f}" height="240"/>' for i in range(-2, 14)
    )
    return (
        f'<g opacity=".28" transform="rotate({15 + 40 * u:.0f} 80 45)">{lines}</g>'
        f'<rect opacity=".8" x="{50 + 40 * u:.0f}" y="36" width="34" height="18" rx="9"/>'
    )


def _grid(u: float, v: float, w: float) -> str:
    def lit(i: int) -> float:
        return 0.18 + 0.55 * (((i * 7 + int(100 * u)) * (3 + int(10 * v))) % 11 < 3 + 3 * w)

    return "".join(
        f'<rect opacity="{lit(i):.2f}" x="{8 + i % 8 * 18.4:.0f}" y="{9 + i // 8 * 18.4:.0f}" '
        f'width="14" height="14" rx="3"/>'
        for i in range(32)
    )


def _notes(u: float, v: float, w: float) -> str:
    heights = [14 + 50 * abs(((i * (0.37 + u / 3) + v) % 1) - 0.5) + 12 * w for i in range(14)]
    return "".join(
        f'<rect opacity=".55" x="{12 + i * 10}" y="{45 - h / 2:.0f}" width="5" height="{h:.0f}" rx="2.5"/>'
        for i, h in enumerate(heights)
    )
