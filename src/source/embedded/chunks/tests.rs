use super::*;

/// The features and what surrounds them, read in pieces of so many bytes.
fn split(text: &str, piece: usize) -> Result<(Vec<String>, Vec<String>), Broken> {
    let mut splitter = Splitter { enough: 1, ..Splitter::default() };
    let mut units = Vec::new();
    let mut offset = 0;
    // The last one is the end of the file.
    for bytes in text.as_bytes().chunks(piece).chain([&[][..]]) {
        splitter.push(bytes)?;
        while let Some(chunk) = splitter.chunk(bytes.is_empty(), None) {
            assert_eq!(chunk.first as usize, units.len() + 1);
            for unit in &chunk.units {
                let at = chunk.offset as usize + unit.start;
                assert!(at >= offset, "in the file's order");
                offset = at;
                let unit = &chunk.bytes[unit.clone()];
                assert_eq!(&text.as_bytes()[at..at + unit.len()], unit);
                units.push(String::from_utf8(unit.to_vec()).unwrap());
            }
        }
    }
    splitter.end()?;
    let members = splitter.members.into_iter().map(|(_, text)| String::from_utf8(text).unwrap());
    Ok((units, members.collect()))
}

#[test]
fn features_are_found_however_the_file_is_read() {
    let features = [
        r#"{"type":"Feature","properties":{"features":[1],"a":"}\"{\\"},"geometry":null}"#,
        r#"{ }"#,
        r#"{"x":[{"y":{}}]}"#,
    ];
    let [a, b, c] = features;
    let collection = format!(
        "\u{feff} {{\"name\":\"{{\\\"features\\\":[\",\"crs\":{{\"features\":[{{}}]}},\n\
         \"features\" : [ {a},\n{b} ,{c}] , \"bbox\":[1,2,3,4]}}\n"
    );
    let lines = format!("{a}\n{b}\r\n\n\u{1e}{c}");
    for piece in [1, 2, 3, 7, 64, 10_000] {
        let (units, members) = split(&collection, piece).unwrap();
        assert_eq!(units, features, "{piece}");
        assert_eq!(members.len(), 2);
        for text in members {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["features"], serde_json::json!([]));
        }
        let (units, members) = split(&lines, piece).unwrap();
        assert_eq!((units.as_slice(), members.len()), (&features.map(str::to_owned)[..], 0));
    }
}

#[test]
fn what_is_no_geojson_is_told_with_its_place() {
    for (text, offset, reason) in [
        ("hello", 0, "expected an object of GeoJSON, got \"hello\""),
        (" [1]", 1, "expected an object of GeoJSON, got \"[1]\""),
        ("{}\n{\"x", 6, "it ends in the middle of feature 2, which begins at byte 3"),
        ("{\n}\nx", 4, "expected an object of GeoJSON, got \"x\""),
        ("{\"features\":[[]]}", 13, "expected a feature in the collection, got \"[]]}\""),
        (
            "{\"features\":[{},{\"a\"",
            20,
            "it ends in the middle of feature 2, which begins at byte 16",
        ),
        ("{\"features\":[{}", 15, "it ends before its collection of features does"),
        ("{\"features\":[{}]", 16, "it ends before its collection of features does"),
        ("{\"a\":\"x", 7, "it ends in the middle of feature 1, which begins at byte 0"),
    ] {
        let broken = split(text, 3).unwrap_err();
        let whole = split(text, 100).unwrap_err();
        assert_eq!((whole.offset, whole.reason.as_str()), (offset, reason), "{text}");
        assert_eq!(broken.offset, offset, "{text}");
    }
    assert_eq!(split("", 1).unwrap().0.len(), 0);
}

#[test]
fn a_broken_line_takes_no_others_along() {
    let lines = "{\"a\":1}\n{\"b\":\n\n oops \n{\"c\":\"\n{\"d\":{}}";
    for piece in [1, 2, 5, 100] {
        let (units, _) = split(lines, piece).unwrap();
        assert_eq!(units, ["{\"a\":1}", "{\"b\":", "oops", "{\"c\":\"", "{\"d\":{}}"], "{piece}");
    }
    let (units, _) = split("{\"features\":[null,{},-1.5 , true]}", 2).unwrap();
    assert_eq!(units, ["null", "{}", "-1.5", "true"]);
}

#[test]
fn a_string_longer_than_many_pieces_is_one() {
    let text = format!("{{\"a\":\"{}\"}}", "x\\\"".repeat(200_000));
    let (units, _) = split(&text, 1_000).unwrap();
    assert_eq!(units, [text]);
}

#[test]
fn what_is_packed_or_in_another_encoding_is_told_what_to_do() {
    for (bytes, reason) in [
        (&b"\x1f\x8b\x08"[..], "it is compressed with gzip: unpack it"),
        (b"\xff\xfe{\0", "it is UTF-16: convert it to UTF-8"),
    ] {
        let broken = Splitter::default().push(bytes).unwrap_err();
        assert_eq!((broken.offset, broken.reason.as_str()), (0, reason));
    }
}
