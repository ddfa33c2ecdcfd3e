//! The document of this API, against the one that is kept in the repository.

use std::path::Path;

#[test]
fn the_openapi_document_is_the_golden_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let document = super::openapi_json();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &document).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == document,
        "the API differs from docs/reference/openapi.json; if that is meant, run \
         `UPDATE_GOLDEN=1 cargo test -p watchkeep-server openapi` and commit the file"
    );
}
