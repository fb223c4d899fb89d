//! Videos that are stored lying on their side.

use image::{RgbImage, imageops};

/// By how much a frame has to be turned to the right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rotation {
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

impl Rotation {
    /// From a display matrix: nine 32-bit numbers, the first ones 16.16 fixed point.
    pub(super) fn from_matrix(bytes: &[u8]) -> Self {
        let number = |i: usize| {
            let bytes = bytes.get(4 * i..4 * i + 4)?;
            Some(f64::from(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
        };
        let (Some(a), Some(b)) = (number(0), number(1)) else { return Self::None };
        // The matrix turns (1, 0) into (a, b), with the vertical axis pointing down.
        match (b.atan2(a).to_degrees() / 90.0).round() as i32 {
            1 => Self::Quarter,
            -1 => Self::ThreeQuarters,
            2 | -2 => Self::Half,
            _ => Self::None,
        }
    }

    pub(super) fn turned(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::None | Self::Half => (width, height),
            Self::Quarter | Self::ThreeQuarters => (height, width),
        }
    }

    pub(super) fn apply(self, pixels: RgbImage) -> RgbImage {
        match self {
            Self::None => pixels,
            Self::Quarter => imageops::rotate90(&pixels),
            Self::Half => imageops::rotate180(&pixels),
            Self::ThreeQuarters => imageops::rotate270(&pixels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Vec<u8> {
        [a, b, 0, c, d, 0, 0, 0, 1 << 14].iter().flat_map(|n| (n << 16).to_ne_bytes()).collect()
    }

    #[test]
    fn the_display_matrix_tells_the_turn() {
        assert_eq!(Rotation::from_matrix(&matrix(1, 0, 0, 1)), Rotation::None);
        assert_eq!(Rotation::from_matrix(&matrix(0, 1, -1, 0)), Rotation::Quarter);
        assert_eq!(Rotation::from_matrix(&matrix(-1, 0, 0, -1)), Rotation::Half);
        assert_eq!(Rotation::from_matrix(&matrix(0, -1, 1, 0)), Rotation::ThreeQuarters);
        assert_eq!(Rotation::from_matrix(b"short"), Rotation::None);
    }
}
