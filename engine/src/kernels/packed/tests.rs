use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use half::f16;

use super::super::activations::{Factors, UPPER, tiles};
use super::*;
use crate::random::next_bits;

fn dtype(format: Format) -> GgmlDType {
    match format {
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q4_1 => GgmlDType::Q4_1,
        Format::Q5_0 => GgmlDType::Q5_0,
        Format::Q5_1 => GgmlDType::Q5_1,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q5K => GgmlDType::Q5K,
        Format::Q6K => GgmlDType::Q6K,
    }
}

fn float(seed: &mut u64) -> f32 {
    (next_bits(seed) >> 40) as f32 / (1 << 24) as f32 - 0.5
}

/// Bytes of a file: any quants, and scales about as large as real ones.
fn random_bytes(format: Format, n_blocks: usize, seed: &mut u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..n_blocks {
        let mut block: Vec<u8> = (0..format.block_bytes()).map(|_| next_bits(seed) as u8).collect();
        let halves: &[usize] = match format {
            Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => &[0],
            Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K => &[0, 2],
            Format::Q6K => &[208],
        };
        for at in halves {
            block[*at..at + 2].copy_from_slice(&f16::from_f32(float(seed) / 64.0).to_le_bytes());
        }
        bytes.extend(block);
    }
    bytes
}

/// What the bytes mean, as candle reads them.
fn floats(format: Format, bytes: &[u8], n_out: usize, n_in: usize) -> Vec<f32> {
    let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype(format)).unwrap();
    let tensor = QTensor::new(storage, (n_out, n_in)).unwrap().dequantize(&Device::Cpu).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A whole matrix, filled in two parts where it has more than one panel.
fn packed(format: Format, bytes: &[u8], n_out: usize, n_in: usize) -> Packed {
    Packed::in_memory(format, (n_out, n_in), |panels| {
        let (first, rest) = bytes.split_at(PANEL.min(n_out) * (bytes.len() / n_out));
        interleave(format, n_in, 0, first, panels);
        if !rest.is_empty() {
            interleave(format, n_in, PANEL, rest, panels);
        }
    })
}

/// The numbers that activations stand for.
fn activation(x: &Activations, row: usize, k: usize) -> f64 {
    let rows = tiles(x.n_rows()).find(|rows| rows.contains(&row)).unwrap();
    let at = rows.start * x.n_blocks + k / BLOCK * rows.len() + row - rows.start;
    let planes = &x.planes[at];
    let whole = UPPER * i32::from(planes.upper[k % BLOCK]) + i32::from(planes.lower[k % BLOCK]);
    f64::from(x.factors[at].scale) * f64::from(whole)
}

#[test]
fn every_kernel_equals_the_reference_around_every_tile_edge() {
    let mut seed = 1;
    for format in Format::ALL {
        let block = format.block();
        for (n_in, n_out) in [(block, 1), (2 * block, 15), (3 * block, 16), (block, 17), (2 * block, 40)] {
            let bytes = random_bytes(format, n_in / block * n_out, &mut seed);
            let weights = floats(format, &bytes, n_out, n_in);
            let packed = packed(format, &bytes, n_out, n_in);
            for n_rows in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17] {
                let x: Vec<f32> = (0..n_rows * n_in).map(|_| 4.0 * float(&mut seed)).collect();
                let x = Activations::quantize(&x, n_in);
                for isa in Isa::all() {
                    let [out, again] = times(isa, [&packed, &packed], &x);
                    assert!(out.len() == n_rows * n_out && out[..] == again[..]);
                    for (i, got) in out.iter().enumerate() {
                        let (row, column) = (i / n_out, i % n_out);
                        let products =
                            (0..n_in).map(|k| f64::from(weights[column * n_in + k]) * activation(&x, row, k));
                        let (want, size) =
                            products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
                        let error = (f64::from(*got) - want).abs();
                        assert!(
                            error < 1e-5 * (1.0 + size),
                            "{isa:?} {format:?} {n_out}×{n_in}, row {row} of {n_rows}, column {column}: {got} and {want}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn rows_that_are_gathered_and_panels_that_are_cut_give_what_the_whole_gives() {
    let (mut seed, n_in) = (4, 256);
    for format in Format::ALL {
        let bytes = random_bytes(format, n_in / format.block() * 70, &mut seed);
        let whole = packed(format, &bytes, 70, n_in);
        assert!(whole.rows(8..32).is_none() && whole.rows(16..40).is_none(), "within a panel");
        let cuts = [0..32, 32..48, 48..70].map(|rows| (rows.start, whole.rows(rows).unwrap()));
        for n_rows in [1, 3, 11, 24] {
            let x: Vec<f32> = (0..n_rows * n_in).map(|_| 4.0 * float(&mut seed)).collect();
            let x = Activations::quantize(&x, n_in);
            for isa in Isa::all() {
                let [want] = times(isa, [&whole], &x);
                for rows in [vec![0], (0..n_rows as u32).rev().collect(), vec![n_rows as u32 - 1; 9]] {
                    let some = x.gather(&rows);
                    let mut outs = cuts.each_ref().map(|(_, cut)| vec![0.0; rows.len() * cut.shape().0]);
                    let products = cuts.iter().zip(&mut outs);
                    let products = products.map(|((_, cut), out)| Product::new(cut, &some, out));
                    times_each(isa, &products.collect::<Vec<_>>());
                    for ((first, cut), out) in cuts.iter().zip(&outs) {
                        for (out, row) in out.chunks(cut.shape().0).zip(&rows) {
                            let want = &want[*row as usize * 70 + first..][..out.len()];
                            assert_eq!(out, want, "{isa:?} {format:?}, row {row} of {n_rows}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn panels_of_another_size_or_address_are_refused() {
    let bytes = |n: usize| Packed::in_memory(Format::Q8_0, (16, 32 * n), |_| {}).bytes;
    let shape = (16, 64);
    assert!(Packed::new(Format::Q8_0, shape, bytes(2)).is_some());
    assert!(Packed::new(Format::Q8_0, shape, bytes(4)).is_none());
    struct Crooked(Bytes);
    impl AsRef<[u8]> for Crooked {
        fn as_ref(&self) -> &[u8] {
            &(*self.0).as_ref()[1..][..packed_bytes(Format::Q8_0, 16, 64)]
        }
    }
    assert!(Packed::new(Format::Q8_0, shape, Arc::new(Crooked(bytes(4)))).is_none());
}

#[test]
fn the_extremes_do_not_overflow() {
    for format in Format::ALL {
        // All quants at either end, all activations at the end of their range.
        for byte in [0x00, 0x80, 0xFF] {
            let mut bytes = vec![byte; format.block_bytes()];
            let at = if format == Format::Q6K { 208 } else { 0 };
            bytes[at..at + 2].copy_from_slice(&f16::ONE.to_le_bytes());
            if matches!(format, Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K) {
                bytes[2..4].copy_from_slice(&f16::ONE.to_le_bytes());
            }
            let want: f64 = floats(format, &bytes, 1, format.block()).into_iter().map(f64::from).sum();
            let packed = packed(format, &bytes, 1, format.block());
            for sign in [-1.0, 1.0] {
                let x = Activations::quantize(&vec![sign; format.block()], format.block());
                for isa in Isa::all() {
                    let got = f64::from(times(isa, [&packed], &x)[0][0]) * f64::from(sign);
                    let error = (got - want).abs() / (1.0 + want.abs());
                    assert!(error < 1e-5, "{isa:?} {format:?} {byte}: {got} and {want}");
                }
            }
        }
    }
}

#[test]
fn a_row_comes_back_as_the_file_holds_it() {
    let mut seed = 2;
    for format in Format::ALL {
        let n_in = 2 * format.block();
        let bytes = random_bytes(format, 2 * 19, &mut seed);
        let weights = floats(format, &bytes, 19, n_in);
        let packed = packed(format, &bytes, 19, n_in);
        let mut out = vec![0f32; n_in];
        for (row, want) in weights.chunks(n_in).enumerate() {
            packed.row(row, &mut out);
            for (got, want) in out.iter().zip(want) {
                assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{format:?}: {got} and {want}");
            }
        }
    }
}

#[test]
fn nothing_times_anything_is_nothing() {
    for format in Format::ALL {
        let n_in = format.block();
        let bytes = random_bytes(format, 20, &mut 3);
        let x = Activations::quantize(&vec![0.0; n_in], n_in);
        assert_eq!(x.factors[0], Factors::default());
        for isa in Isa::all() {
            assert!(times(isa, [&packed(format, &bytes, 20, n_in)], &x)[0].iter().all(|y| *y == 0.0));
        }
    }
}

/// Files keep panels: whoever changes how these are arranged gives [`LAYOUT`] another number, and then this sum.
#[test]
fn panels_are_arranged_as_their_number_says() {
    let mut sum = 0xCBF2_9CE4_8422_2325u64;
    for format in Format::ALL {
        let bytes = random_bytes(format, 18 * 256 / format.block(), &mut 5);
        let panels = packed(format, &bytes, 18, 256);
        for byte in (*panels.bytes).as_ref() {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    }
    assert_eq!((LAYOUT, sum), (1, 9_934_017_928_826_237_237));
}
