//! Prepares the preview page's files for the binary: those of `viewer/`, and those of MapLibre GL JS if
//! npm can fetch them. Everything is compressed here, once.
//!
//! Only `OUT_DIR` is written to. Without npm, without a network or with `TESELA_NO_NPM` set, the page
//! loads MapLibre's files from a CDN; that is a warning. Files other than the pinned ones are an error.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256, Sha384, Sha512};

#[path = "viewer/pins.rs"]
mod pins;

/// Longest wait for npm.
const PATIENCE: Duration = Duration::from_secs(60);

/// The licence goes wherever the files go.
const LICENCE: &str = "LICENSE.txt";

type Failure = Box<dyn Error>;

/// A file under the name that the page asks for.
struct Asset {
    name: String,
    content: Vec<u8>,
}

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=viewer");
    println!("cargo::rerun-if-env-changed=TESELA_NO_NPM");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut assets = own(Path::new("viewer"))?;
    let library = library(&out)?;
    let embedded = library.is_some();
    assets.extend(library.into_iter().flatten());
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    fs::write(out.join("viewer.rs"), generated(&out, &assets, embedded)?)?;
    Ok(())
}

/// The page's own scripts, styles and pictures.
fn own(folder: &Path) -> Result<Vec<Asset>, Failure> {
    let mut assets = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if [".mjs", ".js", ".css", ".svg"].iter().any(|kind| name.ends_with(kind)) {
            assets.push(Asset { name: name.to_owned(), content: fs::read(&path)? });
        }
    }
    Ok(assets)
}

/// MapLibre's files; `None` where they can't be had.
///
/// # Errors
/// They are other files than the pinned ones.
fn library(out: &Path) -> Result<Option<Vec<Asset>>, Failure> {
    let off = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    if off("TESELA_NO_NPM") || off("DOCS_RS") {
        return Ok(None);
    }
    let tarball = out.join(format!("{}-{}.tgz", pins::PACKAGE, pins::VERSION));
    // It stays there, so that npm runs once.
    if !tarball.exists()
        && let Err(reason) = fetch(out)
    {
        // Half a file would be taken for another one.
        if tarball.exists() {
            fs::remove_file(&tarball)?;
        }
        println!(
            "cargo::warning=the preview page will load MapLibre GL JS from a CDN, because npm could not fetch it: \
             {reason}. Try again with `touch build.rs`, or set TESELA_NO_NPM=1 to be content with that."
        );
        return Ok(None);
    }
    let packed = fs::read(&tarball)?;
    if let Err(found) = verify("sha512", &Sha512::digest(&packed), pins::TARBALL) {
        fs::remove_file(&tarball)?;
        return Err(
            format!("{} is {found}, not the one in viewer/pins.rs", tarball.display()).into()
        );
    }
    unpack(&packed).map(Some)
}

/// Has npm put the tarball into `out`.
fn fetch(out: &Path) -> Result<(), Failure> {
    let log = out.join("npm.log");
    let mut npm = Command::new("npm")
        .args(["pack", &format!("{}@{}", pins::PACKAGE, pins::VERSION)])
        .args(["--pack-destination", ".", "--ignore-scripts", "--no-update-notifier"])
        .args(["--loglevel", "error", "--fetch-retries", "1", "--fetch-timeout", "20000"])
        .current_dir(out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()
        .map_err(|error| format!("npm does not start ({error})"))?;
    let started = Instant::now();
    loop {
        match npm.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&log)?;
                let said = said.lines().next().unwrap_or_default().trim();
                return Err(format!("npm ended with {status} ({said})").into());
            }
            None if started.elapsed() > PATIENCE => {
                npm.kill()?;
                npm.wait()?;
                return Err(format!("npm took longer than {PATIENCE:?}").into());
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The files of the tarball that the page needs, each held against its pin.
fn unpack(packed: &[u8]) -> Result<Vec<Asset>, Failure> {
    let mut assets = Vec::new();
    let mut archive = tar::Archive::new(GzDecoder::new(packed));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path.strip_prefix("package/").unwrap_or_default();
        let file = path.strip_prefix("dist/").unwrap_or_default();
        let pin = pins::FILES.iter().find(|(name, _)| *name == file);
        let name = match pin {
            Some((name, _)) => (*name).to_owned(),
            None if path == LICENCE => format!("{}-{LICENCE}", pins::PACKAGE),
            None => continue,
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if let Some((_, wanted)) = pin {
            verify("sha384", &Sha384::digest(&content), wanted)
                .map_err(|found| format!("{name} is {found}, not what viewer/pins.rs says"))?;
        }
        assets.push(Asset { name, content });
    }
    if assets.len() != pins::FILES.len() + 1 {
        return Err(format!("{} {} lacks files", pins::PACKAGE, pins::VERSION).into());
    }
    Ok(assets)
}

/// Compares a digest with one as subresource integrity writes it, and gives what it is if it's another.
fn verify(algorithm: &str, digest: &[u8], wanted: &str) -> Result<(), String> {
    let found = format!("{algorithm}-{}", BASE64_STANDARD.encode(digest));
    if found == wanted { Ok(()) } else { Err(found) }
}

/// Rust code with the compressed files, which are written beside it.
fn generated(out: &Path, assets: &[Asset], embedded: bool) -> Result<String, Failure> {
    let mut all = Sha256::new();
    let mut list = String::new();
    for Asset { name, content } in assets {
        for part in [name.as_bytes(), content] {
            all.update((part.len() as u64).to_le_bytes());
            all.update(part);
        }
        let packed = format!("{name}.gz");
        let mut gzip = GzEncoder::new(File::create(out.join(&packed))?, Compression::best());
        gzip.write_all(content)?;
        gzip.finish()?;
        let bytes = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{packed}\"))");
        writeln!(list, "    ({name:?}, {bytes}),")?;
    }
    let digest: String = all.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let (package, version, files) = (pins::PACKAGE, pins::VERSION, pins::FILES);
    Ok(format!(
        "/// Digest of all files together: another one for each version of the page.\n\
         pub const DIGEST: &str = {digest:?};\n\
         /// Whether MapLibre's files are among them.\n\
         pub const EMBEDDED: bool = {embedded};\n\
         pub const PACKAGE: &str = {package:?};\n\
         pub const VERSION: &str = {version:?};\n\
         /// MapLibre's files with their digests.\n\
         pub const LIBRARY: [(&str, &str); {}] = {files:?};\n\
         /// Names and contents, the latter compressed with gzip.\n\
         pub const ASSETS: &[(&str, &[u8])] = &[\n{list}];\n",
        files.len(),
    ))
}
