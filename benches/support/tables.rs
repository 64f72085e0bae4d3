//! Many small spatial tables of different kinds.

use postgres::Client;

/// Tables per transaction: each takes a handful of locks.
const BATCH: u32 = 250;

/// Makes `count` tables of ten rows with keys and indexes, and analyses them. One in ten has no
/// type modifier, so that only its rows say its SRID; one in twenty is geography; one in twenty
/// has no index and no key.
pub fn create(client: &mut Client, count: u32) {
    for first in (0..count).step_by(BATCH as usize) {
        let last = (first + BATCH).min(count) - 1;
        client.batch_execute(&block(first, last)).expect("the tables");
    }
    client.batch_execute("ANALYZE").expect("ANALYZE");
}

fn block(first: u32, last: u32) -> String {
    format!(
        r"DO $$
DECLARE
  name text; kind text; point text;
BEGIN
  FOR n IN {first}..{last} LOOP
    name := format('spatial_%s', lpad(n::text, 4, '0'));
    kind := CASE WHEN n % 10 = 3 THEN 'geometry' WHEN n % 20 = 7 THEN 'geography(Point, 4326)'
      WHEN n % 3 = 0 THEN 'geometry(Point, 3857)' ELSE 'geometry(Point, 4326)' END;
    point := format('ST_SetSRID(ST_MakePoint(i, i + %s), %s)', n % 40,
      CASE WHEN kind LIKE '%3857%' THEN 3857 ELSE 4326 END);
    EXECUTE format('CREATE TABLE %I (id integer %s, geom %s, name text, kind varchar(20),
      height double precision, updated timestamptz, tags jsonb, code numeric(10, 2))',
      name, CASE WHEN n % 20 = 11 THEN '' ELSE 'PRIMARY KEY' END, kind);
    EXECUTE format('INSERT INTO %I SELECT i, %s, ''name '' || i, ''kind'', i / 2.0, now(),
      ''{{}}'', i FROM generate_series(1, 10) i', name, point);
    IF n % 20 <> 11 THEN
      EXECUTE format('CREATE INDEX ON %I USING gist (geom)', name);
    END IF;
  END LOOP;
END $$"
    )
}
