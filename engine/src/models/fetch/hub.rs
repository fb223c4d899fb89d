//! Files of the model hub, through its client and into its standard cache, which other tools share.
//! The client resumes a partial download.

use std::fs::File;

use super::{Failure, PullStage, Worker};
use crate::models::registry::FileEntry;

impl Worker {
    pub(super) fn fetch_from_hub(&self, file: &FileEntry, hub: &str, name: &str) -> Result<(), Failure> {
        struct Report<'a>(&'a Worker, &'a FileEntry, u64);
        impl hf_hub::api::Progress for Report<'_> {
            fn init(&mut self, _size: usize, _name: &str) {}
            fn update(&mut self, size: usize) {
                self.2 += size as u64;
                self.0.send(self.1, PullStage::Fetch, self.2, None);
            }
            fn finish(&mut self) {}
        }
        let because = |error: hf_hub::api::sync::ApiError| {
            Failure::Because(error.to_string().lines().next().unwrap_or_default().to_owned())
        };
        let api = hf_hub::api::sync::ApiBuilder::from_env().with_progress(false).build().map_err(because)?;
        let found =
            api.model(hub.to_owned()).download_with_progress(name, Report(self, file, 0)).map_err(because)?;
        self.store_parts(file, vec![File::open(found)?])
    }
}
