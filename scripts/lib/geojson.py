"""GeoJSON (RFC 7946) out of what world.py reads: one feature per line, coordinates rounded."""

import json
import math

# Mean radius of the earth in kilometres (IUGG).
EARTH_RADIUS = 6371.0088


def collection(features):
    """A FeatureCollection with one feature per line, so that a change shows as changed lines."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def feature(key, properties, geometry):
    properties = {name: value for name, value in properties.items() if value not in (None, "")}
    return {"type": "Feature", "id": key, "properties": properties, "geometry": geometry}


def point(lon, lat, digits):
    return {"type": "Point", "coordinates": [number(lon, digits), number(lat, digits)]}


def area(polygons, digits):
    """Polygon or MultiPolygon; polygons whose outer ring collapses are left out, and None if none is left."""
    parts = []
    for rings in polygons:
        outer = ring(rings[0], digits, clockwise=False)
        if outer:
            holes = (ring(hole, digits, clockwise=True) for hole in rings[1:])
            parts.append([outer, *filter(None, holes)])
    match parts:
        case []:
            return None
        case [one]:
            return {"type": "Polygon", "coordinates": one}
    return {"type": "MultiPolygon", "coordinates": parts}


def ring(points, digits, clockwise):
    """A closed ring without repeated points, in the direction of RFC 7946 section 3.1.6; None if it collapses."""
    points = tidy([[number(value, digits) for value in place] for place in points[:-1]], 10**-digits)
    twice = doubled_area(points)
    if len(points) < 3 or twice == 0:
        return None
    if (twice < 0) != clockwise:
        points = [points[0], *points[:0:-1]]
    return [*points, points[0]]


def tidy(points, unit):
    """Without repetitions, and without spikes narrower than rounding: there borders would cross themselves."""
    found = True
    while found and len(points) >= 3:
        found = False
        for index, place in enumerate(points):
            if is_spike(points[index - 1], place, points[(index + 1) % len(points)], unit):
                del points[index]
                found = True
                break
    return points


def is_spike(before, place, after, unit):
    """Whether the way to `place` and the way on are the same, but for half a unit; also where it repeats a neighbour."""
    (x1, y1), (x2, y2) = ((x - place[0], y - place[1]) for x, y in (before, after))
    longer = max(math.hypot(x1, y1), math.hypot(x2, y2))
    if min(math.hypot(x1, y1), math.hypot(x2, y2)) == 0:
        return True
    return x1 * x2 + y1 * y2 > 0 and abs(x1 * y2 - x2 * y1) / longer < unit / 2


def doubled_area(points):
    """Twice the area in square degrees; positive counterclockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1]))


def number(value, digits):
    """As short as it can be: 7 in place of 7.0."""
    value = round(value, digits) + 0.0
    return int(value) if value == int(value) else value


def square_kilometres(geometry):
    """Area on a sphere of the earth's mean radius, to three significant digits."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    total = sum(spherical_area(closed) for rings in polygons for closed in rings)
    return int(float(f"{total:.3g}"))


def spherical_area(closed):
    """Signed as `doubled_area`, by the trapezoids between the edges and the equator in Lambert's cylindrical projection."""
    total = 0.0
    for (x1, y1), (x2, y2) in zip(closed, closed[1:]):
        total -= math.radians(x2 - x1) * (math.sin(math.radians(y1)) + math.sin(math.radians(y2))) / 2
    return total * EARTH_RADIUS**2
