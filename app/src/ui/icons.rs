//! Icons, drawn with lines: no font has to carry them, and they take any colour.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2};

/// A drawing on a grid of 24 × 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A cross of two lines.
    Plus,
    /// A line.
    Minus,
    /// A lamp.
    Bulb,
    /// Long lines that become short.
    Summary,
    /// An open book.
    Book,
    /// A sheet with a corner turned and a pen's line.
    Note,
    /// A paper clip.
    Clip,
    /// An arrow up.
    Send,
    /// A square.
    Stop,
    /// A cross.
    Close,
    /// Two sheets.
    Copy,
    /// A circular arrow.
    Again,
    /// A bin.
    Trash,
    /// A pencil.
    Pencil,
    /// Two sliders.
    Settings,
    /// A landscape.
    Picture,
    /// Bars of a waveform.
    Sound,
    /// A microphone on its stand.
    Microphone,
    /// A film frame.
    Video,
    /// A sheet with lines.
    Document,
    /// A triangle.
    Play,
    /// Two bars.
    Pause,
    /// An angle to the left.
    Left,
    /// An angle to the right.
    Right,
    /// An arrow down.
    Down,
    /// An arrow onto a line.
    Download,
    /// Three lines.
    Menu,
    /// A triangle with a mark.
    Warning,
    /// A question mark in a circle.
    Help,
    /// An arrow out of a frame.
    Open,
    /// An arrow that turns back to the left.
    Undo,
    /// An arrow that turns back to the right.
    Redo,
    /// A lens.
    Search,
    /// Two angles to the left.
    Back,
    /// Two angles to the right.
    On,
    /// Lines of text beside a bar.
    Transcript,
    /// Three layers of dots that are joined.
    Inside,
    /// A box, seen from a corner.
    Model,
    /// A tick in a circle.
    Check,
    /// Three dots.
    More,
    /// A folder.
    Folder,
    /// An angle down.
    Unfold,
    /// Books that stand side by side.
    Library,
    /// A hat of somebody who learnt something.
    Teach,
}

impl Icon {
    /// The drawing for a type of file.
    pub fn of_kind(kind: Option<engine::media::Kind>) -> Self {
        use engine::media::Kind;
        match kind {
            Some(Kind::Picture) => Self::Picture,
            Some(Kind::Sound) => Self::Sound,
            Some(Kind::Video) => Self::Video,
            Some(Kind::Document) | None => Self::Document,
        }
    }

    /// Draws it into the largest square in the middle of `rect`.
    pub fn paint(self, painter: &Painter, rect: Rect, colour: Color32) {
        let side = rect.width().min(rect.height());
        let origin = rect.center() - Vec2::splat(side / 2.0);
        let scale = side / 24.0;
        let at = |x: f32, y: f32| origin + Vec2::new(x, y) * scale;
        let stroke = Stroke::new((1.7 * scale).max(1.2), colour);
        let line = |points: &[(f32, f32)]| {
            let points: Vec<Pos2> = points.iter().map(|&(x, y)| at(x, y)).collect();
            painter.add(Shape::line(points, stroke));
        };
        let closed = |points: &[(f32, f32)]| {
            let points: Vec<Pos2> = points.iter().map(|&(x, y)| at(x, y)).collect();
            painter.add(Shape::closed_line(points, stroke));
        };
        let filled = |points: &[(f32, f32)]| {
            let points: Vec<Pos2> = points.iter().map(|&(x, y)| at(x, y)).collect();
            painter.add(Shape::convex_polygon(points, colour, Stroke::NONE));
        };
        let frame = |x0: f32, y0: f32, x1: f32, y1: f32| {
            let r = Rect::from_min_max(at(x0, y0), at(x1, y1));
            painter.rect_stroke(r, 2.0 * scale, stroke, egui::StrokeKind::Middle);
        };
        let circle = |x: f32, y: f32, r: f32| {
            painter.circle_stroke(at(x, y), r * scale, stroke);
        };
        let dot = |x: f32, y: f32, r: f32| {
            painter.circle_filled(at(x, y), r * scale, colour);
        };
        match self {
            Self::Plus => {
                line(&[(12.0, 5.0), (12.0, 19.0)]);
                line(&[(5.0, 12.0), (19.0, 12.0)]);
            }
            Self::Minus => line(&[(5.0, 12.0), (19.0, 12.0)]),
            Self::Bulb => {
                let mut points = vec![(10.0, 16.5)];
                points.extend(arc_points(12.0, 10.0, 5.5, 120.0, 420.0));
                points.push((14.0, 16.5));
                line(&points);
                line(&[(10.0, 17.5), (14.0, 17.5)]);
                line(&[(10.5, 20.5), (13.5, 20.5)]);
            }
            Self::Summary => {
                line(&[(4.5, 6.0), (19.5, 6.0)]);
                line(&[(4.5, 10.0), (19.5, 10.0)]);
                line(&[(12.0, 12.5), (12.0, 16.0)]);
                line(&[(9.8, 14.2), (12.0, 16.4), (14.2, 14.2)]);
                line(&[(8.0, 19.5), (16.0, 19.5)]);
            }
            Self::Book => {
                line(&[(12.0, 7.0), (12.0, 19.5)]);
                closed(&[(12.0, 7.0), (8.5, 5.0), (3.5, 5.0), (3.5, 17.5), (8.5, 17.5), (12.0, 19.5)]);
                closed(&[(12.0, 7.0), (15.5, 5.0), (20.5, 5.0), (20.5, 17.5), (15.5, 17.5), (12.0, 19.5)]);
            }
            Self::Note => {
                closed(&[(4.5, 4.5), (19.5, 4.5), (19.5, 14.5), (14.5, 19.5), (4.5, 19.5)]);
                line(&[(19.5, 14.5), (14.5, 14.5), (14.5, 19.5)]);
                line(&[(8.0, 9.0), (16.0, 9.0)]);
                line(&[(8.0, 12.5), (12.0, 12.5)]);
            }
            Self::Clip => {
                let arc = |cx: f32, cy: f32, r: f32, from: f32, to: f32| arc_points(cx, cy, r, from, to);
                let mut points = vec![(17.0, 8.5), (17.0, 16.0)];
                points.extend(arc(12.0, 16.0, 5.0, 0.0, 180.0));
                points.push((7.0, 7.0));
                points.extend(arc(10.25, 7.0, 3.25, 180.0, 360.0));
                points.push((13.5, 15.5));
                points.extend(arc(12.0, 15.5, 1.5, 0.0, 180.0));
                points.push((10.5, 8.5));
                line(&points);
            }
            Self::Send => {
                line(&[(12.0, 19.0), (12.0, 5.5)]);
                line(&[(6.0, 11.0), (12.0, 5.0), (18.0, 11.0)]);
            }
            Self::Stop => filled(&[(7.0, 7.0), (17.0, 7.0), (17.0, 17.0), (7.0, 17.0)]),
            Self::Close => {
                line(&[(6.5, 6.5), (17.5, 17.5)]);
                line(&[(17.5, 6.5), (6.5, 17.5)]);
            }
            Self::Copy => {
                frame(9.0, 9.0, 19.0, 20.0);
                line(&[(6.5, 15.0), (5.0, 15.0), (5.0, 4.0), (15.0, 4.0), (15.0, 6.0)]);
            }
            Self::Again => {
                line(&arc_points(12.0, 12.5, 7.0, -60.0, 220.0));
                line(&[(15.5, 2.5), (16.0, 6.8), (11.8, 7.6)]);
            }
            Self::Trash => {
                line(&[(4.5, 7.0), (19.5, 7.0)]);
                line(&[(9.5, 7.0), (10.0, 4.5), (14.0, 4.5), (14.5, 7.0)]);
                line(&[(6.5, 7.0), (7.5, 20.0), (16.5, 20.0), (17.5, 7.0)]);
            }
            Self::Pencil => {
                closed(&[(4.5, 19.5), (5.5, 15.0), (15.5, 5.0), (19.0, 8.5), (9.0, 18.5)]);
                line(&[(13.0, 7.5), (16.5, 11.0)]);
            }
            Self::Settings => {
                for (y, x) in [(8.0, 15.0), (16.0, 9.0)] {
                    line(&[(3.5, y), (x - 2.8, y)]);
                    line(&[(x + 2.8, y), (20.5, y)]);
                    circle(x, y, 2.8);
                }
            }
            Self::Picture => {
                frame(4.0, 5.0, 20.0, 19.0);
                line(&[(4.5, 17.0), (9.5, 11.5), (13.5, 15.5), (16.0, 13.0), (19.5, 16.5)]);
                circle(15.0, 9.0, 1.5);
            }
            Self::Sound => {
                for (x, h) in [(5.0, 3.0), (8.5, 6.0), (12.0, 8.0), (15.5, 5.0), (19.0, 2.5)] {
                    line(&[(x, 12.0 - h), (x, 12.0 + h)]);
                }
            }
            Self::Microphone => {
                let mut capsule = arc_points(12.0, 7.0, 3.2, 180.0, 360.0);
                capsule.extend(arc_points(12.0, 11.5, 3.2, 0.0, 180.0));
                closed(&capsule);
                line(&arc_points(12.0, 11.5, 6.4, 0.0, 180.0));
                line(&[(12.0, 18.0), (12.0, 21.0)]);
                line(&[(8.5, 21.0), (15.5, 21.0)]);
            }
            Self::Video => {
                frame(4.0, 5.0, 20.0, 19.0);
                filled(&[(10.0, 8.5), (15.5, 12.0), (10.0, 15.5)]);
            }
            Self::Document => {
                closed(&[(6.0, 3.5), (14.0, 3.5), (18.0, 7.5), (18.0, 20.5), (6.0, 20.5)]);
                line(&[(9.0, 11.0), (15.0, 11.0)]);
                line(&[(9.0, 14.0), (15.0, 14.0)]);
                line(&[(9.0, 17.0), (13.0, 17.0)]);
            }
            Self::Play => filled(&[(8.0, 5.5), (18.5, 12.0), (8.0, 18.5)]),
            Self::Pause => {
                filled(&[(7.0, 6.0), (10.0, 6.0), (10.0, 18.0), (7.0, 18.0)]);
                filled(&[(14.0, 6.0), (17.0, 6.0), (17.0, 18.0), (14.0, 18.0)]);
            }
            Self::Left => line(&[(14.5, 6.0), (8.5, 12.0), (14.5, 18.0)]),
            Self::Right => line(&[(9.5, 6.0), (15.5, 12.0), (9.5, 18.0)]),
            Self::Down => {
                line(&[(12.0, 5.0), (12.0, 18.5)]);
                line(&[(6.0, 13.0), (12.0, 19.0), (18.0, 13.0)]);
            }
            Self::Download => {
                line(&[(12.0, 4.0), (12.0, 15.0)]);
                line(&[(7.0, 10.5), (12.0, 15.5), (17.0, 10.5)]);
                line(&[(5.0, 20.0), (19.0, 20.0)]);
            }
            Self::Menu => {
                for y in [7.0, 12.0, 17.0] {
                    line(&[(4.5, y), (19.5, y)]);
                }
            }
            Self::Warning => {
                closed(&[(12.0, 4.0), (21.0, 19.5), (3.0, 19.5)]);
                line(&[(12.0, 10.0), (12.0, 14.5)]);
                dot(12.0, 17.0, 1.0);
            }
            Self::Help => {
                circle(12.0, 12.0, 8.5);
                let mut points = arc_points(12.0, 9.8, 2.6, 180.0, 400.0);
                points.extend([(12.0, 12.8), (12.0, 14.0)]);
                line(&points);
                dot(12.0, 16.7, 1.0);
            }
            Self::Undo => {
                line(&arc_points(12.5, 13.5, 6.0, -90.0, 120.0));
                line(&[(12.5, 7.5), (5.0, 7.5)]);
                line(&[(8.5, 4.0), (5.0, 7.5), (8.5, 11.0)]);
            }
            Self::Redo => {
                line(&arc_points(11.5, 13.5, 6.0, 60.0, 270.0));
                line(&[(11.5, 7.5), (19.0, 7.5)]);
                line(&[(15.5, 4.0), (19.0, 7.5), (15.5, 11.0)]);
            }
            Self::Search => {
                circle(10.5, 10.5, 5.5);
                line(&[(14.5, 14.5), (20.0, 20.0)]);
            }
            Self::Back => {
                line(&[(11.5, 6.5), (6.0, 12.0), (11.5, 17.5)]);
                line(&[(18.0, 6.5), (12.5, 12.0), (18.0, 17.5)]);
            }
            Self::On => {
                line(&[(12.5, 6.5), (18.0, 12.0), (12.5, 17.5)]);
                line(&[(6.0, 6.5), (11.5, 12.0), (6.0, 17.5)]);
            }
            Self::Transcript => {
                line(&[(5.0, 5.0), (5.0, 19.0)]);
                line(&[(9.5, 6.5), (19.5, 6.5)]);
                line(&[(9.5, 12.0), (19.5, 12.0)]);
                line(&[(9.5, 17.5), (15.5, 17.5)]);
            }
            Self::Inside => {
                for (x, y) in [(5.0, 7.0), (5.0, 17.0)] {
                    line(&[(x + 1.8, y), (10.2, 12.0)]);
                    line(&[(19.0 - 1.8, y), (13.8, 12.0)]);
                }
                for (x, y) in [(5.0, 7.0), (5.0, 17.0), (19.0, 7.0), (19.0, 17.0), (12.0, 12.0)] {
                    circle(x, y, 1.9);
                }
            }
            Self::Model => {
                closed(&[(12.0, 3.5), (19.5, 7.5), (19.5, 16.5), (12.0, 20.5), (4.5, 16.5), (4.5, 7.5)]);
                line(&[(4.5, 7.5), (12.0, 11.5), (19.5, 7.5)]);
                line(&[(12.0, 11.5), (12.0, 20.5)]);
            }
            Self::Check => {
                circle(12.0, 12.0, 8.5);
                line(&[(8.0, 12.5), (11.0, 15.5), (16.0, 9.0)]);
            }
            Self::More => {
                for x in [6.0, 12.0, 18.0] {
                    dot(x, 12.0, 1.6);
                }
            }
            Self::Folder => {
                closed(&[(3.5, 6.0), (9.5, 6.0), (11.5, 8.5), (20.5, 8.5), (20.5, 19.0), (3.5, 19.0)]);
            }
            Self::Unfold => line(&[(6.0, 9.5), (12.0, 15.5), (18.0, 9.5)]),
            Self::Library => {
                frame(4.0, 5.0, 8.0, 19.5);
                frame(9.5, 3.5, 13.5, 19.5);
                closed(&[(15.3, 5.6), (18.2, 4.8), (21.0, 18.7), (18.1, 19.5)]);
            }
            Self::Teach => {
                closed(&[(12.0, 5.0), (22.0, 9.5), (12.0, 14.0), (2.0, 9.5)]);
                line(&[(6.5, 12.0), (6.5, 16.5), (12.0, 19.0), (17.5, 16.5), (17.5, 12.0)]);
                line(&[(22.0, 9.5), (22.0, 15.0)]);
            }
            Self::Open => {
                line(&[(11.0, 5.5), (5.5, 5.5), (5.5, 18.5), (18.5, 18.5), (18.5, 13.0)]);
                line(&[(11.5, 12.5), (19.0, 5.0)]);
                line(&[(14.0, 5.0), (19.0, 5.0), (19.0, 10.0)]);
            }
        }
    }
}

/// Points on an arc, degrees clockwise from the right.
fn arc_points(cx: f32, cy: f32, r: f32, from: f32, to: f32) -> Vec<(f32, f32)> {
    const STEPS: usize = 16;
    let angle = |i: usize| (from + (to - from) * i as f32 / STEPS as f32).to_radians();
    (0..=STEPS).map(|i| pos2(cx + r * angle(i).cos(), cy + r * angle(i).sin()).into()).collect()
}
