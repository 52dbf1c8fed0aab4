//! The content of `--metadata-file`, in docker's form.

use libstore::Image;
use libwire::Reference;
use serde_json::{Value, json};

/// The metadata of `image` under `names`.
pub fn metadata(image: &Image, names: &[Reference]) -> Value {
    let mut metadata = json!({
        "containerimage.config.digest": image.manifest.config.digest,
        "containerimage.descriptor": image.descriptor,
        "containerimage.digest": image.descriptor.digest,
    });
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(Reference::to_string).collect();
        metadata["image.name"] = names.join(",").into();
    }
    metadata
}
