use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{D, DType, IndexOp};

use super::*;
use crate::device;
use crate::nn::NormSpec;
use crate::random::tensor;
use crate::weights::gguf::GgufFile;
use crate::weights::{Weights, same_name};

fn file(tensors: &[(&str, &Tensor)], device: &Device) -> Weights {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors: std::collections::HashMap<_, _> =
        tensors.iter().map(|(name, tensor)| (*name, (*tensor).clone())).collect();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    Weights::from_safetensors(&path, device, same_name).unwrap()
}

fn distance(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max(D::Minus1).unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn weights_in_their_file_give_what_floats_give() {
    let weight = Tensor::randn(0f32, 1.0, (70, 48), &Device::Cpu).unwrap();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let weight = weight.to_dtype(dtype).unwrap();
        let w = file(&[("weight", &weight)], &Device::Cpu);
        let linear = Linear::new(48, 70, &w).unwrap();
        let weight = weight.to_dtype(DType::F32).unwrap();
        for n in [1, 3, 40] {
            let x = Tensor::randn(0f32, 1.0, (n, 48), &Device::Cpu).unwrap();
            let want = x.matmul(&weight.t().unwrap()).unwrap();
            assert!(distance(&linear.forward(&x).unwrap(), &want) < 1e-4, "{dtype:?} {n}");
        }
        let rows = Embedding::new(70, 48, &w).unwrap().forward::<Tensor>(&[69, 0], &Device::Cpu).unwrap();
        assert_eq!(distance(&rows.i(0).unwrap(), &weight.i(69).unwrap()), 0.0);
        assert!(Embedding::new(70, 48, &w).unwrap().forward::<Tensor>(&[70], &Device::Cpu).is_err());
    }
}

/// Rows of 288 numbers are none that candle's product with one row can take.
#[test]
fn weights_on_a_device_give_what_their_floats_give() {
    let device = device::for_decoders().unwrap();
    let mut state = 1;
    for (dtype, width) in [
        (GgmlDType::F16, 288),
        (GgmlDType::BF16, 288),
        (GgmlDType::Q4_0, 288),
        (GgmlDType::Q4_0, 576),
        (GgmlDType::Q4_1, 288),
        (GgmlDType::Q4_1, 576),
        (GgmlDType::Q5_0, 576),
        (GgmlDType::Q5_1, 576),
        (GgmlDType::Q8_0, 288),
        (GgmlDType::Q8_0, 576),
        (GgmlDType::Q4K, 768),
        (GgmlDType::Q5K, 768),
        (GgmlDType::Q6K, 768),
    ] {
        let weight = tensor(&mut state, &[70, width]);
        let quantized = QTensor::quantize(&weight, dtype).unwrap();
        let floats = quantized.dequantize(&Device::Cpu).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        gguf_file::write(&mut file.as_file(), &[], &[("weight", &quantized)]).unwrap();
        let weights = GgufFile::open(file.path()).unwrap().weights(device, same_name);
        let stored = weights.get_stored("weight", &[70, width]).unwrap().unwrap();
        let linear = Linear { weight: on_device(&stored, device).unwrap(), bias: None, adapter: None };
        for n in [1, 3, 40] {
            let x = tensor(&mut state, &[n, width]);
            let want = x.matmul(&floats.t().unwrap()).unwrap();
            let got = linear.forward(&x.to_device(device).unwrap()).unwrap();
            // On the processor candle rounds to 8 bits.
            let most = if matches!(device, Device::Cpu) { 1.0 } else { 1e-3 };
            let error = distance(&got.to_device(&Device::Cpu).unwrap(), &want);
            assert!(error < most, "{dtype:?}, rows of {width}, {n} at once: {error}");
        }
    }
}

#[test]
fn encoders_give_what_floats_give_and_rounded_ones_nearly() {
    let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
    let (weight, bias) = (random(&[70, 64]), random(&[70]));
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let weight = weight.to_dtype(dtype).unwrap();
        let w = file(&[("weight", &weight), ("bias", &bias)], &Device::Cpu);
        let weight = weight.to_dtype(DType::F32).unwrap();
        for (purpose, most) in
            [(Purpose::Encoder, 1e-4), (Purpose::RoundedEncoder, 0.5), (Purpose::RowRoundedEncoder, 0.6)]
        {
            let linear = Linear::new(64, 70, &w.clone().meant_for(purpose)).unwrap();
            for n in [1, 3, 40] {
                let (x, sum) = (random(&[n, 64]), random(&[n, 70]));
                let want = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
                let onto = (&want + &sum).unwrap();
                for (got, want) in [
                    (linear.forward(&x), want.clone()),
                    (linear.forward_through(Activation::Gelu, &x), want.gelu_erf().unwrap()),
                    (linear.forward_onto(sum, &x), onto),
                ] {
                    let far = distance(&got.unwrap(), &want);
                    assert!(far < most, "{purpose:?} {dtype:?} {n}: {far}");
                }
            }
        }
    }
}

#[test]
fn a_stack_is_cut_into_its_layers_and_parts() {
    let weight = Tensor::randn(0f32, 1.0, (3, 5, 4), &Device::Cpu).unwrap();
    // Where decoders compute: on a GPU where the tests run on one.
    let device = device::for_decoders().unwrap();
    let w = file(&[("weight", &weight)], device);
    let layers = Linear::stacked(3, 4, [2, 3], &w).unwrap();
    let x = Tensor::randn(0f32, 1.0, (6, 4), &Device::Cpu).unwrap();
    for (i, [first, second]) in layers.iter().enumerate() {
        let want = x.matmul(&weight.i(i).unwrap().t().unwrap()).unwrap();
        let there = x.to_device(device).unwrap();
        let parts = [first.forward(&there).unwrap(), second.forward(&there).unwrap()];
        let got = Tensor::cat(&parts, 1).unwrap().to_device(&Device::Cpu).unwrap();
        assert!(distance(&got, &want) < 1e-5, "layer {i}");
    }
    assert!(Linear::stacked(3, 4, [2, 2], &w).is_err(), "another shape");
}

/// To the last bit, however many rows there are.
#[test]
fn what_is_quantised_while_it_is_made_gives_the_same() {
    let mut state = 3;
    for (dtype, n_in) in [(GgmlDType::Q4_1, 96), (GgmlDType::Q8_0, 4160), (GgmlDType::Q6K, 256)] {
        let mut tensor = |shape: &[usize]| tensor(&mut state, shape);
        let (weight, bias) = (tensor(&[70, n_in]), tensor(&[70]));
        let quantized = QTensor::quantize(&weight, dtype).unwrap();
        let scale = QTensor::quantize(&tensor(&[n_in]), GgmlDType::F32).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        gguf_file::write(&mut file.as_file(), &[], &[("weight", &quantized), ("norm.weight", &scale)])
            .unwrap();
        let weights = GgufFile::open(file.path()).unwrap().weights(&Device::Cpu, same_name);
        let spec = NormSpec { eps: 1e-6, offset: 1.0 };
        let norm = RmsNorm::new(n_in, spec, &weights.sub("norm")).unwrap();
        let bare = Linear::new(n_in, 70, &weights).unwrap();
        assert!(Linear::whole([&bare], &tensor(&[1, n_in])).is_some(), "{dtype:?} is packed");
        let linear = Linear { bias: Some(Bias::new(bias).unwrap()), ..bare.clone() };
        for n in [1, 3, 8, 43] {
            let (x, up) = (tensor(&[n, n_in]), tensor(&[n, n_in]));
            let normed = norm.forward(&x).unwrap();
            let want = [bare.forward(&normed).unwrap(), linear.forward(&normed).unwrap()];
            let got = Linear::forward_each_normed([&bare, &linear], &norm, &x).unwrap();
            for (got, want) in got.iter().zip(&want) {
                assert_eq!(distance(got, want), 0.0, "{dtype:?}, {n} normed rows");
            }
            for activation in [Activation::Silu, Activation::GeluTanh, Activation::Gelu] {
                let gated = activation.gated(x.copy().unwrap(), &up).unwrap();
                let want = linear.forward(&gated).unwrap();
                let got = linear.forward_gated(activation, x.copy().unwrap(), &up).unwrap();
                assert_eq!(distance(&got, &want), 0.0, "{dtype:?}, {n} gated rows");
            }
        }
    }
}
