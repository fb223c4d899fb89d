//! CTranslate2 `model.bin`: the layout in which Whisper checkpoints are shipped.
