//! A country that doesn't exist: cities whose sizes follow Zipf's law, grids in their middle,
//! curved streets around it, motorways between them.

use std::f64::consts::{PI, TAU};

use super::random::Random;
use super::rows::{Point, Row, Rows};
use super::shapes::{self, Frame, METRE};
use super::words;

/// About 0–24° E and 42–54° N.
const WEST: f64 = 0.0;
const SOUTH: f64 = 5_160_000.0;
pub const WIDTH: f64 = 2_670_000.0;
const HEIGHT: f64 = 2_050_000.0;
const CITIES: usize = 250;
/// Rows that a district comes to, over the three tables.
const ROWS_PER_DISTRICT: f64 = 240.0;
/// Metres between the middles of districts, and half the side of one.
const SPACING: f64 = 700.0;
const REACH: f64 = 330.0;

#[derive(Default)]
pub struct Country {
    pub points: Rows,
    pub lines: Rows,
    pub polygons: Rows,
}

struct City {
    centre: Point,
    districts: usize,
}

impl City {
    fn radius(&self) -> f64 {
        SPACING * METRE * (self.districts as f64 / PI).sqrt()
    }
}

impl Country {
    /// About `rows` rows in all three tables.
    pub fn new(rows: usize) -> Self {
        let mut random = Random::new(2026);
        let cities = cities(&mut random, (rows as f64 / ROWS_PER_DISTRICT) as usize);
        let mut country = Self::default();
        for city in &cities {
            for number in 0..city.districts {
                country.district(&mut random, city, number);
            }
        }
        country.motorways(&mut random, &cities);
        country
    }

    /// Districts spiral outwards; every dozen the direction of the streets changes.
    fn district(&mut self, random: &mut Random, city: &City, number: usize) {
        let distance = SPACING * METRE * ((number as f64 + 0.5) / PI).sqrt();
        let around = number as f64 * 2.399_963;
        let centre = [
            city.centre[0] + distance * around.cos() + random.bell() * 60.0,
            city.centre[1] + distance * around.sin() + random.bell() * 60.0,
        ];
        let angle = Random::new(city.districts as u64 * 7919 + number as u64 / 12).unit() * PI;
        let frame = Frame::new(centre, angle);
        if city.districts > 20 && number < city.districts * 9 / 20 {
            self.grid(random, frame, angle);
            let crowd = 1.0 - number as f64 / city.districts as f64;
            let count = 150.0 * crowd * random.between(0.6, 1.4);
            self.places(random, frame, count as usize);
        } else {
            self.suburb(random, frame);
            let count = 30 + random.below(50);
            self.places(random, frame, count);
        }
    }

    /// Streets at right angles, each cut into ways of some blocks, and what stands between them.
    fn grid(&mut self, random: &mut Random, frame: Frame, angle: f64) {
        let (nx, ny) = (5 + random.below(4), 7 + random.below(5));
        let (dx, dy) = (2.0 * REACH / nx as f64, 2.0 * REACH / ny as f64);
        let corner = |x: usize, y: usize| (x as f64 * dx - REACH, y as f64 * dy - REACH);
        for x in 0..=nx {
            let way: Vec<_> = (0..=ny).map(|y| corner(x, y)).collect();
            self.street(random, frame, &way, x == nx / 2);
        }
        for y in 0..=ny {
            let way: Vec<_> = (0..=nx).map(|x| corner(x, y)).collect();
            self.street(random, frame, &way, y == ny / 2);
        }
        for x in 0..nx {
            for y in 0..ny {
                let (left, bottom) = corner(x, y);
                let middle = frame.at(left + dx / 2.0, bottom + dy / 2.0);
                self.block(random, Frame::new(middle, angle), dx - 14.0, dy - 14.0);
            }
        }
    }

    fn street(&mut self, random: &mut Random, frame: Frame, way: &[(f64, f64)], main: bool) {
        let name = words::street(random);
        let kind = if main { "secondary" } else { "residential" };
        let mut start = 0;
        while start + 1 < way.len() {
            let end = (start + 2 + random.below(4)).min(way.len() - 1);
            let mut place = |&(x, y): &(f64, f64)| {
                frame.at(x + random.between(-3.0, 3.0), y + random.between(-3.0, 3.0))
            };
            let points: Vec<_> = way[start..=end].iter().map(&mut place).collect();
            self.line(random, kind, Some(&name), None, &points);
            start = end;
        }
    }

    fn block(&mut self, random: &mut Random, frame: Frame, width: f64, depth: f64) {
        if random.chance(0.2) {
            self.polygon(random, &shapes::courtyard(frame, width, depth));
            return;
        }
        if random.chance(0.7) {
            let alley = [
                frame.at(-width / 2.0, 0.0),
                frame.at(random.between(-5.0, 5.0), random.between(-6.0, 6.0)),
                frame.at(width * random.between(0.1, 0.5), random.between(-8.0, 8.0)),
            ];
            self.line(random, "service", None, None, &alley);
        }
        for _ in 0..random.below(6) {
            let (x, y) = (width * random.between(-0.4, 0.4), depth * random.between(-0.4, 0.4));
            let (w, d) = (random.between(8.0, 24.0), random.between(7.0, 16.0));
            let outline = shapes::footprint(random, frame.moved(x, y), w, d);
            self.polygon(random, &[outline]);
        }
    }

    /// Curved streets with houses along them, and paths.
    fn suburb(&mut self, random: &mut Random, frame: Frame) {
        for _ in 0..11 {
            let start = frame.at(random.between(-REACH, REACH), random.between(-REACH, REACH));
            let (angle, steps) = (random.unit() * TAU, 7 + random.below(15));
            let way = shapes::curve(random, start, angle, steps, 28.0, 0.12);
            let name = words::street(random);
            let kind = words::highway(random);
            self.line(random, kind, Some(&name), None, &way);
            for pair in way.windows(2) {
                if random.chance(0.6) {
                    self.house(random, pair[0], pair[1]);
                }
            }
            if random.chance(0.5) {
                let from = shapes::middle(&way);
                let spur = shapes::curve(random, from, angle + 1.5, 3, 22.0, 0.3);
                self.line(random, "service", None, None, &spur);
            }
        }
        for _ in 0..24 {
            let start = frame.at(random.between(-REACH, REACH), random.between(-REACH, REACH));
            let (angle, steps) = (random.unit() * TAU, 5 + random.below(30));
            let way = shapes::curve(random, start, angle, steps, 12.0, 0.4);
            self.line(random, "footway", None, None, &way);
        }
    }

    fn house(&mut self, random: &mut Random, from: Point, to: Point) {
        let angle = (to[1] - from[1]).atan2(to[0] - from[0]);
        let side = if random.chance(0.5) { 16.0 } else { -16.0 };
        let frame = Frame::new(from, angle).moved(random.between(5.0, 20.0), side);
        let (width, depth) = (random.between(8.0, 16.0), random.between(7.0, 12.0));
        let outline = shapes::footprint(random, frame, width, depth);
        self.polygon(random, &[outline]);
    }

    /// Shops, benches and bins: many where there are many.
    fn places(&mut self, random: &mut Random, frame: Frame, count: usize) {
        for _ in 0..count {
            let at = frame.at(random.bell() * REACH, random.bell() * REACH);
            let row = Row::default()
                .bigint(self.points.next_id())
                .text(Some(words::place(random)))
                .text(words::shop(random).as_deref())
                .text(words::hours(random))
                .double(random.chance(0.3).then(|| 1.0 + random.below(41) as f64 / 10.0))
                .integer(random.chance(0.25).then(|| random.zipf(300) as i32))
                .boolean(random.chance(0.15).then(|| random.chance(0.7)))
                .point(at);
            self.points.push(at, row);
        }
    }

    /// From each city to the three next ones that are larger.
    fn motorways(&mut self, random: &mut Random, cities: &[City]) {
        for (number, city) in cities.iter().enumerate().skip(1) {
            let distance =
                |to: &City| (to.centre[0] - city.centre[0]).hypot(to.centre[1] - city.centre[1]);
            let mut larger: Vec<_> = cities[..number].iter().collect();
            larger.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
            for to in larger.into_iter().take(3) {
                let way = shapes::wander(random, city.centre, to.centre, 90.0);
                let reference = format!("A {number}");
                let mut start = 0;
                while start + 1 < way.len() {
                    let end = (start + 10 + random.below(60)).min(way.len() - 1);
                    let kind = if number < 60 { "motorway" } else { "primary" };
                    self.line(random, kind, None, Some(&reference), &way[start..=end]);
                    start = end;
                }
            }
        }
    }

    fn line(
        &mut self,
        random: &mut Random,
        kind: &str,
        name: Option<&str>,
        reference: Option<&str>,
        points: &[Point],
    ) {
        let row = Row::default()
            .bigint(self.lines.next_id())
            .text(Some(kind))
            .text(name)
            .text(reference)
            .integer(random.chance(0.4).then(|| [30, 50, 100, 70, 20, 10][random.zipf(6)]))
            .boolean(random.chance(0.3).then(|| random.chance(0.6)))
            .line(points);
        self.lines.push(shapes::middle(points), row);
    }

    fn polygon(&mut self, random: &mut Random, rings: &[Vec<Point>]) {
        let number = random.chance(0.6).then(|| (1 + random.zipf(200)).to_string());
        let row = Row::default()
            .bigint(self.polygons.next_id())
            .text(Some(words::building(random)))
            .text(random.chance(0.03).then(|| words::shop(random)).flatten().as_deref())
            .text(number.as_deref())
            .integer(random.chance(0.3).then(|| 1 + random.zipf(20) as i32))
            .double(random.chance(0.2).then(|| random.between(30.0, 400.0).round() / 10.0))
            .polygon(rings);
        self.polygons.push(rings[0][0], row);
    }
}

/// The largest first; none within another.
fn cities(random: &mut Random, districts: usize) -> Vec<City> {
    let weights: f64 = (1..=CITIES).map(|rank| 1.0 / rank as f64).sum();
    let mut cities: Vec<City> = Vec::new();
    for rank in 1..=CITIES {
        let share = districts as f64 / weights / rank as f64;
        let mut city = City { centre: [0.0; 2], districts: (share.round() as usize).max(1) };
        loop {
            city.centre = [WEST + WIDTH * random.unit(), SOUTH + HEIGHT * random.unit()];
            let clear = |other: &City| {
                let (dx, dy) = (other.centre[0] - city.centre[0], other.centre[1] - city.centre[1]);
                dx.hypot(dy) > (other.radius() + city.radius()) * 1.2
            };
            if cities.iter().all(clear) {
                break;
            }
        }
        cities.push(city);
    }
    cities
}
