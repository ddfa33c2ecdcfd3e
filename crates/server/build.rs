//! Lists the files of the built web UI for embedding, with a gzip form of those that shrink. Where
//! the UI was not built the list is empty, and the program says so in the browser.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Smaller files are not worth a second form.
const GZIP_BYTES_MIN: usize = 1024;

fn main() -> std::io::Result<()> {
    let manifest_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let dist = manifest_dir.join("../../web/dist");
    // Cargo takes a missing path for one that always changes, and would build again each time.
    // Where the folder can not be made (a read-only tree), that is what happens.
    let _best_effort = std::fs::create_dir_all(&dist);
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    }
    let mut assets = Vec::new();
    for file in files {
        let path = file.strip_prefix(&dist).map_err(std::io::Error::other)?;
        let name = path.to_string_lossy().replace('\\', "/");
        assets.push((name, file.canonicalize()?));
    }
    assets.sort();
    std::fs::write(out_dir.join("assets.rs"), list(&assets, &out_dir)?)
}

fn variable(name: &str) -> std::io::Result<String> {
    std::env::var(name).map_err(std::io::Error::other)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn list(assets: &[(String, PathBuf)], out_dir: &Path) -> std::io::Result<String> {
    let mut source = String::from("/// All files, by path.\nstatic ASSETS: &[Asset] = &[\n");
    for (number, (name, file)) in assets.iter().enumerate() {
        let bytes = std::fs::read(file)?;
        let packed = gzip(&bytes)?;
        let gzip = if bytes.len() >= GZIP_BYTES_MIN && packed.len() < bytes.len() * 9 / 10 {
            let path = out_dir.join(format!("asset-{number}.gz"));
            std::fs::write(&path, packed)?;
            format!("Some(include_bytes!({}))", literal(&path)?)
        } else {
            "None".into()
        };
        writeln!(
            source,
            "    Asset {{ path: {name:?}, bytes: include_bytes!({}), gzip: {gzip} }},",
            literal(file)?
        )
        .map_err(std::io::Error::other)?;
    }
    source.push_str("];\n");
    Ok(source)
}

/// A path as a Rust string.
fn literal(path: &Path) -> std::io::Result<String> {
    let text = path.to_str().ok_or_else(|| std::io::Error::other("a path is not UTF-8"))?;
    Ok(format!("{text:?}"))
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
