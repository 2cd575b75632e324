//! A picture as a JPEG encoder wants it: three planes of YCbCr, painted by embedded-graphics.
//!
//! Colours are converted once, where they are painted: converting every pixel of every frame would cost more than
//! painting it.

use std::convert::Infallible;
use std::ops::Range;

use embedded_graphics::Pixel;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use jpeg_encoder::{ImageBuffer, JpegColorType, rgb_to_ycbcr};

/// A picture to paint on.
#[derive(Debug)]
pub(super) struct Canvas {
    width: u16,
    height: u16,
    /// Y, Cb and Cr, each row by row.
    planes: [Vec<u8>; 3],
}

impl Canvas {
    /// A black one.
    pub(super) fn new(width: u16, height: u16) -> Self {
        let pixels = usize::from(width) * usize::from(height);
        Self {
            width,
            height,
            planes: [vec![0; pixels], vec![128; pixels], vec![128; pixels]],
        }
    }

    /// Where the visible part of a row of pixels lies in each plane.
    fn row(&self, y: i32, columns: Range<i32>) -> Option<Range<usize>> {
        let y = u16::try_from(y).ok().filter(|&y| y < self.height)?;
        let column = |x: i32| u16::try_from(x.max(0)).unwrap_or(u16::MAX).min(self.width);
        let (left, right) = (column(columns.start), column(columns.end));
        let start = usize::from(y) * usize::from(self.width);
        (left < right).then(|| start + usize::from(left)..start + usize::from(right))
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width.into(), self.height.into())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            self.fill_solid(&Rectangle::new(point, Size::new_equal(1)), color)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        let (y, cb, cr) = rgb_to_ycbcr(color.r(), color.g(), color.b());
        for line in area.rows() {
            if let Some(row) = self.row(line, area.columns()) {
                for (plane, value) in self.planes.iter_mut().zip([y, cb, cr]) {
                    plane[row.clone()].fill(value);
                }
            }
        }
        Ok(())
    }
}

impl ImageBuffer for &Canvas {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        if let Some(row) = self.row(y.into(), 0..self.width.into()) {
            for (buffer, plane) in buffers.iter_mut().zip(&self.planes) {
                buffer.extend_from_slice(&plane[row.clone()]);
            }
        }
    }
}

/// Paints enlarged: every pixel becomes a square of `scale` pixels, the first at `origin`.
pub(super) struct Enlarged<'a> {
    pub(super) canvas: &'a mut Canvas,
    pub(super) origin: Point,
    pub(super) scale: u32,
}

impl Dimensions for Enlarged<'_> {
    /// Whatever is painted: the canvas cuts it to size.
    fn bounding_box(&self) -> Rectangle {
        Rectangle::new(Point::zero(), self.canvas.size())
    }
}

impl DrawTarget for Enlarged<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            self.fill_solid(&Rectangle::new(point, Size::new_equal(1)), color)?;
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        let scale = i32::try_from(self.scale).unwrap_or(1);
        let top_left = self.origin + area.top_left * scale;
        self.canvas
            .fill_solid(&Rectangle::new(top_left, area.size * self.scale), color)
    }
}
