//! Spherical Web Mercator (EPSG:3857) from and to WGS 84 degrees (EPSG:4326).

use std::f64::consts::PI;

/// Radius of EPSG:3857's sphere in metres.
pub const EARTH_RADIUS: f64 = 6_378_137.0;

/// Half the side of the square world in metres.
pub const HALF_WORLD: f64 = EARTH_RADIUS * PI;

/// Latitudes are clamped to this before projection: the poles lie at infinity, and what lies
/// between here and the square's edge at 85.05° is cut off by clipping, so that Antarctica draws.
pub const MAX_LATITUDE: f64 = 89.9;

/// Projects degrees to metres. Longitudes are not wrapped.
#[inline]
pub fn project(lon: f64, lat: f64) -> (f64, f64) {
    let lat = lat.clamp(-MAX_LATITUDE, MAX_LATITUDE).to_radians();
    // atanh(sin(lat)); the function of that name is exact near 0 and takes twice the time, while
    // errors here are below a nanometre there and below a micrometre at 85°.
    let sine = lat.sin();
    (lon.to_radians() * EARTH_RADIUS, 0.5 * ((1.0 + sine) / (1.0 - sine)).ln() * EARTH_RADIUS)
}

/// The degrees of a point in metres.
pub fn unproject(x: f64, y: f64) -> (f64, f64) {
    ((x / EARTH_RADIUS).to_degrees(), (y / EARTH_RADIUS).sinh().atan().to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_world_ends_at_its_known_latitude() {
        let (x, y) = project(180.0, 85.051_128_779_806_6);
        assert!((x - HALF_WORLD).abs() < 1e-6);
        assert!((y - HALF_WORLD).abs() < 1e-6);
    }

    #[test]
    fn poles_stay_finite_and_outside_the_world() {
        let (_, y) = project(0.0, -90.0);
        assert!(y.is_finite() && y < -HALF_WORLD);
    }

    #[test]
    fn unproject_reverses_project() {
        for (lon, lat) in [(0.0, 0.0), (-179.9, 85.0), (13.4, 52.5), (190.0, -60.25)] {
            let (x, y) = project(lon, lat);
            let (lon2, lat2) = unproject(x, y);
            assert!((lon - lon2).abs() < 1e-9 && (lat - lat2).abs() < 1e-9);
        }
    }
}
