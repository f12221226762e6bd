//! Writes the TypeScript types of the API into the folder given as argument: `cargo xtask codegen`.

use ts_rs::{Config, TS};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: codegen FOLDER")?;
    let config = Config::new().with_out_dir(folder).with_large_int("number");
    macro_rules! export {
        ($type:ty) => {
            <$type>::export_all(&config)?;
        };
    }
    tarsier_api::for_each_exported_type!(export);
    Ok(())
}
