//! What the test picture shows: colour bars, three lines of text, and a ball that moves.

use std::convert::Infallible;

use bytes::Bytes;
use embedded_graphics::mono_font::ascii::{FONT_4X6, FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyleBuilder};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use jiff::Timestamp;
use jpeg_encoder::{Encoder, EncodingError, SamplingFactor};

use super::canvas::{Canvas, Enlarged};
use crate::source::Resolution;

const QUALITY: u8 = 80;

const BARS: [Rgb888; 7] = [
    Rgb888::new(192, 192, 192),
    Rgb888::new(192, 192, 0),
    Rgb888::new(0, 192, 192),
    Rgb888::new(0, 192, 0),
    Rgb888::new(192, 0, 192),
    Rgb888::new(192, 0, 0),
    Rgb888::new(0, 0, 192),
];

/// The picture is this many bands high: a line of text in each of the first three, the ball in the last two.
const BANDS: u32 = 5;

/// The ball takes about this many pictures from one side to the other.
const PICTURES_A_CROSSING: u32 = 90;

/// A picture that is painted once, and then only where it changes.
#[derive(Debug)]
pub(super) struct TestCard {
    canvas: Canvas,
    size: Size,
    ball: Option<Rectangle>,
    /// What the last picture took, as a guess for the next.
    jpeg_bytes: usize,
}

impl TestCard {
    /// With the background and the camera's name.
    pub(super) fn new(camera: &str, resolution: Resolution) -> Self {
        let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
        let canvas = Canvas::new(side(resolution.width), side(resolution.height));
        let mut card = Self {
            size: canvas.size(),
            canvas,
            ball: None,
            jpeg_bytes: 0,
        };
        card.paint_bars(Rectangle::new(Point::zero(), card.size));
        card.write_line(0, camera);
        card
    }

    /// Paints picture `number`, taken at `now`.
    pub(super) fn draw(&mut self, number: u64, now: Timestamp) {
        // Both always have the same length, so that each covers what was there before.
        self.write_line(1, &format!("#{number:09}"));
        self.write_line(2, &now.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
        self.move_ball(number);
    }

    pub(super) fn encode(&mut self) -> Result<Bytes, EncodingError> {
        let mut jpeg = Vec::with_capacity(self.jpeg_bytes + self.jpeg_bytes / 8);
        let mut encoder = Encoder::new(&mut jpeg, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode_image(&self.canvas)?;
        self.jpeg_bytes = jpeg.len();
        Ok(jpeg.into())
    }

    /// Paints the part of the background that lies in `area`.
    fn paint_bars(&mut self, area: Rectangle) {
        let edge = |index: usize| {
            let share = self.size.width as usize * index / BARS.len();
            i32::try_from(share).unwrap_or(i32::MAX)
        };
        for (index, color) in BARS.into_iter().enumerate() {
            let bar = Rectangle::with_corners(
                Point::new(edge(index), area.top_left.y),
                Point::new(edge(index + 1) - 1, area.rows().end - 1),
            );
            let Ok(()) = self.canvas.fill_solid(&bar.intersection(&area), color);
        }
    }

    /// Writes white on black into band `band`, centred, as large as fits; what does not fit at all is cut.
    fn write_line(&mut self, band: u32, text: &str) {
        let columns = u32::try_from(text.len()).unwrap_or(u32::MAX).max(1);
        let room = Size::new(self.size.width * 9 / 10, self.size.height / BANDS * 9 / 10);
        let (font, scale) = fit(columns, room);
        let written = Size::new(
            columns * font.character_size.width,
            font.character_size.height,
        ) * scale;
        let band_top = self.size.height * band / BANDS;
        let margin = |outer: u32, inner: u32| to_coordinate(outer.saturating_sub(inner) / 2);
        let origin = Point::new(
            margin(self.size.width, written.width),
            to_coordinate(band_top) + margin(self.size.height / BANDS, written.height),
        );
        let style = MonoTextStyleBuilder::new()
            .font(font)
            .text_color(Rgb888::WHITE)
            .background_color(Rgb888::BLACK)
            .build();
        let mut target = Enlarged {
            canvas: &mut self.canvas,
            origin,
            scale,
        };
        let text = Text::with_baseline(text, Point::zero(), style, Baseline::Top);
        let Ok(_) = text.draw(&mut target);
    }

    /// Puts the ball where picture `number` has it: to and fro at a steady speed.
    fn move_ball(&mut self, number: u64) {
        let diameter = (self.size.height / 4).min(self.size.width / 8).max(2);
        let travel = self.size.width.saturating_sub(diameter).max(1);
        let step = (travel / PICTURES_A_CROSSING).max(1);
        let way = number.wrapping_mul(step.into()) % u64::from(2 * travel);
        let way = u32::try_from(way).unwrap_or(0);
        let left = if way < travel { way } else { 2 * travel - way };
        let band_height = self.size.height * 2 / BANDS;
        let top = self.size.height - band_height + band_height.saturating_sub(diameter) / 2;
        let place = Point::new(to_coordinate(left), to_coordinate(top));

        if let Some(before) = self.ball.take() {
            self.paint_bars(before);
        }
        let ball = Circle::new(place, diameter);
        self.ball = Some(ball.bounding_box());
        let Ok(()) = paint(&ball, &mut self.canvas);
    }
}

fn paint(ball: &Circle, canvas: &mut Canvas) -> Result<(), Infallible> {
    ball.into_styled(PrimitiveStyle::with_fill(Rgb888::WHITE))
        .draw(canvas)
}

/// The font and its enlargement that fill `room` best with one line of `columns` characters.
fn fit(columns: u32, room: Size) -> (&'static MonoFont<'static>, u32) {
    for font in [&FONT_10X20, &FONT_6X10] {
        let across = room.width / columns.saturating_mul(font.character_size.width);
        let scale = across.min(room.height / font.character_size.height);
        if scale >= 1 {
            return (font, scale);
        }
    }
    (&FONT_4X6, 1)
}

/// A picture's sides fit 16 bits.
fn to_coordinate(pixels: u32) -> i32 {
    i32::try_from(pixels).unwrap_or(i32::MAX)
}
