//! Attribute values, used as unevenly as real ones.

use super::random::Random;

const HIGHWAYS: [&str; 14] = [
    "residential",
    "service",
    "footway",
    "track",
    "unclassified",
    "tertiary",
    "secondary",
    "cycleway",
    "living_street",
    "primary",
    "steps",
    "pedestrian",
    "trunk",
    "construction",
];
const BUILDINGS: [&str; 12] = [
    "yes",
    "house",
    "apartments",
    "garage",
    "residential",
    "detached",
    "industrial",
    "shed",
    "commercial",
    "school",
    "church",
    "greenhouse",
];
const PLACES: [&str; 32] = [
    "bench",
    "parking",
    "waste_basket",
    "restaurant",
    "bicycle_parking",
    "shop",
    "recycling",
    "cafe",
    "post_box",
    "bus_stop",
    "vending_machine",
    "fast_food",
    "kindergarten",
    "pharmacy",
    "pub",
    "bakery",
    "atm",
    "bank",
    "hairdresser",
    "supermarket",
    "drinking_water",
    "doctors",
    "clothes",
    "playground",
    "toilets",
    "school",
    "hotel",
    "charging_station",
    "artwork",
    "memorial",
    "fountain",
    "viewpoint",
];
const FIRST: [&str; 24] = [
    "Haupt",
    "Bahnhof",
    "Garten",
    "Dorf",
    "Schul",
    "Berg",
    "Wald",
    "Linden",
    "Kirch",
    "Mühlen",
    "Rosen",
    "Wiesen",
    "Ring",
    "Birken",
    "Feld",
    "Goethe",
    "Schiller",
    "Mozart",
    "Park",
    "Amsel",
    "Brunnen",
    "Industrie",
    "Sonnen",
    "Königs",
];
const LAST: [&str; 8] = ["straße", "weg", "gasse", "platz", "allee", "ring", "steig", "ufer"];
const HOURS: [&str; 6] = [
    "Mo-Fr 08:00-18:00; Sa 09:00-13:00",
    "24/7",
    "Mo-Su 11:00-23:00",
    "Mo-Fr 09:00-17:00",
    "Tu-Su 17:30-22:30",
    "Mo-Sa 07:00-20:00",
];

pub fn highway(random: &mut Random) -> &'static str {
    HIGHWAYS[random.zipf(HIGHWAYS.len())]
}

pub fn building(random: &mut Random) -> &'static str {
    BUILDINGS[random.zipf(BUILDINGS.len())]
}

pub fn place(random: &mut Random) -> &'static str {
    PLACES[random.zipf(PLACES.len())]
}

pub fn hours(random: &mut Random) -> Option<&'static str> {
    random.chance(0.2).then(|| HOURS[random.zipf(HOURS.len())])
}

pub fn street(random: &mut Random) -> String {
    let (first, last) = (FIRST[random.zipf(FIRST.len())], LAST[random.zipf(LAST.len())]);
    // Most names are common ones; some are somebody's.
    if random.chance(0.6) {
        return format!("{first}{last}");
    }
    format!("{} {first}{last} {}", FIRST[random.below(FIRST.len())], random.zipf(400))
}

/// A chain's name, a name that no other has, or none.
pub fn shop(random: &mut Random) -> Option<String> {
    match random.below(10) {
        0..=3 => None,
        4..=6 => Some(format!("{} Markt {}", FIRST[random.zipf(FIRST.len())], random.zipf(90))),
        _ => {
            let first = FIRST[random.below(FIRST.len())];
            Some(format!("Zum {first}hof {}", random.below(100_000)))
        }
    }
}
