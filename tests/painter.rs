//! Draws a window in memory on the processor, alike on every machine: triangles with a texture, as egui makes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use egui::epaint::{Mesh, Primitive, Vertex};
use egui::{Color32, ColorImage, ImageData, Pos2, Rect, TextureId, TexturesDelta};
use image::{Rgb, RgbImage};

/// The textures of a window.
#[derive(Debug, Clone, Default)]
pub struct Painter(Arc<Mutex<BTreeMap<TextureId, ColorImage>>>);

impl egui_kittest::TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut textures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, change) in delta.set.drain().flat_map(|(id, all)| all.into_iter().map(move |one| (id, one)))
        {
            let ImageData::Color(pixels) = &change.image;
            let pixels: &ColorImage = pixels;
            match change.pos {
                None => drop(textures.insert(id, pixels.clone())),
                Some([left, top]) => {
                    let Some(texture) = textures.get_mut(&id) else { continue };
                    for (y, row) in pixels.pixels.chunks(pixels.size[0]).enumerate() {
                        let at = (top + y) * texture.size[0] + left;
                        texture.pixels[at..at + row.len()].copy_from_slice(row);
                    }
                }
            }
        }
        for id in delta.free.drain() {
            textures.remove(&id);
        }
    }
}

impl Painter {
    /// What a window shows.
    pub fn picture(&self, ctx: &egui::Context, output: &egui::FullOutput) -> RgbImage {
        let size = ctx.content_rect().size();
        // Texts are sharpest at one pixel for each point, whatever the size of text.
        let scale = output.pixels_per_point;
        let (width, height) = ((size.x * scale).round() as usize, (size.y * scale).round() as usize);
        let mut canvas = Canvas { width, height, pixels: vec![[0.0; 3]; width * height] };
        let textures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for primitive in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = primitive.primitive else { continue };
            let Some(texture) = textures.get(&mesh.texture_id) else { continue };
            canvas.mesh(&mesh, texture, primitive.clip_rect, scale);
        }
        let byte = |v: f32| v.round().clamp(0.0, 255.0) as u8;
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            Rgb(canvas.pixels[y as usize * width + x as usize].map(byte))
        })
    }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, texture: &ColorImage, clip: Rect, scale: f32) {
        for triangle in mesh.indices.chunks_exact(3) {
            let corners = [0, 1, 2].map(|i| mesh.vertices[triangle[i] as usize]);
            self.triangle(corners, texture, clip, scale);
        }
    }

    fn triangle(&mut self, corners: [Vertex; 3], texture: &ColorImage, clip: Rect, scale: f32) {
        let [a, b, c] = corners.map(|v| v.pos * scale);
        let area = cross(a, b, c);
        if area == 0.0 {
            return;
        }
        let left = a.x.min(b.x).min(c.x).max(clip.left() * scale).floor().max(0.0) as usize;
        let right =
            (a.x.max(b.x).max(c.x).min(clip.right() * scale).ceil().max(0.0) as usize).min(self.width);
        let top = a.y.min(b.y).min(c.y).max(clip.top() * scale).floor().max(0.0) as usize;
        let bottom =
            (a.y.max(b.y).max(c.y).min(clip.bottom() * scale).ceil().max(0.0) as usize).min(self.height);
        for y in top..bottom {
            for x in left..right {
                let at = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
                if !(clip * scale).contains(at) {
                    continue;
                }
                let weights = [cross(b, c, at) / area, cross(c, a, at) / area, cross(a, b, at) / area];
                let inside = weights.iter().enumerate().all(|(i, w)| {
                    // What two triangles share belongs to one of them, as on a graphics card.
                    let (from, to) = [(b, c), (c, a), (a, b)][i];
                    let (from, to) = if area < 0.0 { (to, from) } else { (from, to) };
                    *w > 0.0 || (*w == 0.0 && (from.y > to.y || (from.y == to.y && from.x > to.x)))
                });
                if inside {
                    self.blend(x, y, weights, &corners, texture);
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, weights: [f32; 3], corners: &[Vertex; 3], texture: &ColorImage) {
        let mix = |of: fn(&Vertex) -> f32| -> f32 {
            weights.iter().zip(corners).map(|(weight, corner)| weight * of(corner)).sum()
        };
        let texel = sample(texture, mix(|v| v.uv.x), mix(|v| v.uv.y));
        let tint = [mix(|v| v.color.r().into()), mix(|v| v.color.g().into()), mix(|v| v.color.b().into())];
        let alpha = mix(|v| v.color.a().into()) * texel[3] / (255.0 * 255.0);
        let pixel = &mut self.pixels[y * self.width + x];
        for i in 0..3 {
            pixel[i] = tint[i] * texel[i] / 255.0 + pixel[i] * (1.0 - alpha);
        }
    }
}

fn cross(a: Pos2, b: Pos2, c: Pos2) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// Between the four nearest texels.
fn sample(texture: &ColorImage, u: f32, v: f32) -> [f32; 4] {
    let [width, height] = texture.size;
    let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let texel = |x: f32, y: f32| -> Color32 {
        let x = (x.max(0.0) as usize).min(width - 1);
        let y = (y.max(0.0) as usize).min(height - 1);
        texture.pixels[y * width + x]
    };
    let mut sum = [0.0; 4];
    for (dx, dy, weight) in [
        (0.0, 0.0, (1.0 - fx) * (1.0 - fy)),
        (1.0, 0.0, fx * (1.0 - fy)),
        (0.0, 1.0, (1.0 - fx) * fy),
        (1.0, 1.0, fx * fy),
    ] {
        if weight > 0.0 {
            let texel = texel(x0 + dx, y0 + dy).to_array();
            for i in 0..4 {
                sum[i] += weight * f32::from(texel[i]);
            }
        }
    }
    sum
}

/// Writes a picture of a window in few bytes: 32 steps of each colour, and without the harness's margin.
///
/// # Panics
/// When the disk does not take it.
pub fn write_png(path: &std::path::Path, picture: &RgbImage) {
    const MARGIN: u32 = 8;
    let (width, height) = (picture.width() - 2 * MARGIN, picture.height() - 2 * MARGIN);
    let mut picture = image::imageops::crop_imm(picture, MARGIN, MARGIN, width, height).to_image();
    for value in picture.iter_mut() {
        *value = if *value > 251 { 255 } else { (*value + 4) / 8 * 8 };
    }
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        file,
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    picture.write_with_encoder(encoder).unwrap();
}
